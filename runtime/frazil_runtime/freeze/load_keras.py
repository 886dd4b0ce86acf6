"""Keras files: ``.keras`` of Keras 3, ``.h5`` of Keras 2. Rebuilt by Keras, then exported."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.load_savedmodel import load_savedmodel
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.request import FreezeError, FreezeRequest


def load_keras(path: Path, request: FreezeRequest, scratch: Path) -> MetaGraph:
    """The model's inference graph, exported below ``scratch``, which must outlive the MetaGraph.

    Raises FreezeError: UNSUPPORTED_MODEL for Lambda layers and custom classes (safe mode never
    runs code of the file), INVALID_CHECKPOINT for a damaged file.
    """
    directory = Path(tempfile.mkdtemp(dir=scratch))
    model = _rebuild(path)
    model.export(str(directory), format="tf_saved_model", verbose=False)
    return load_savedmodel(directory, replace(request, tags=("serve",)))


def _rebuild(path: Path) -> tf.keras.Model:
    try:
        return tf.keras.models.load_model(str(path), compile=False, safe_mode=True)
    except (OSError, KeyError) as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{path.name} is damaged: {error}; upload it again"
        ) from error
    except (ValueError, TypeError) as error:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"Keras does not rebuild {path.name}: {error}",
        ) from error
