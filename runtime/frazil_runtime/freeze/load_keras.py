"""Keras files: ``.keras`` of Keras 3, ``.h5`` of Keras 2. Rebuilt by Keras, then exported."""

from __future__ import annotations

import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.load_savedmodel import load_savedmodel
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

_INSTEAD = (
    "Export a SavedModel where that code is: `model.export(path)`, and freeze the directory; "
    "its graph holds what the code does"
)


def load_keras(path: Path, request: FreezeRequest, scratch: Path) -> MetaGraph:
    """The model's inference graph, exported below ``scratch``, which must outlive the MetaGraph.

    Raises FreezeError: UNSUPPORTED_MODEL for Lambda layers and custom classes (safe mode never
    runs code of the file), INVALID_CHECKPOINT for a damaged file.
    """
    _refuse_code(path)
    model = _rebuild(path)
    if not model.built:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"{path.name} was saved before its layers had shapes and weights: call the model once "
            "on data, or model.build(input_shape), and save it again",
        )
    directory = Path(tempfile.mkdtemp(dir=scratch))
    model.export(str(directory), format="tf_saved_model", verbose=False)
    return load_savedmodel(directory, replace(request, tags=("serve",)))


def _refuse_code(path: Path) -> None:
    """Names the layers whose code is not in the file, before Keras fails on the first of them."""
    found = sorted(set(_code(_config(path))))
    if found:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"{path.name} needs code that it does not hold: {', '.join(found)}. {_INSTEAD}",
        )


def _config(path: Path) -> Any:
    """The architecture in a whole ``.keras`` file; None for ``.h5``, which only Keras can read."""
    if path.suffix != ".keras":
        return None
    try:
        with zipfile.ZipFile(path) as file:
            if wrong := file.testzip():
                raise zipfile.BadZipFile(f"the checksum of {wrong} is another")
            return json.loads(file.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{path.name} is damaged: {error}; upload it again"
        ) from error


def _code(config: Any) -> Iterator[str]:
    """Lambda layers, and classes and functions of the user's own, wherever they are."""
    if isinstance(config, list):
        for child in config:
            yield from _code(child)
    if not isinstance(config, dict):
        return
    kind, module, inner = (config.get(key) for key in ("class_name", "module", "config"))
    name = inner.get("name") if isinstance(inner, dict) else inner
    if kind in ("Lambda", "__lambda__"):
        yield f"the Lambda layer {name!r}"
    elif kind == "function":
        yield f"the function {name}"
    elif kind and module and module.split(".")[0] not in ("keras", "builtins"):
        yield f"the class {module}.{kind}" + (f" (layer {name!r})" if name else "")
    for key, child in config.items():
        if key != "compile_config":  # losses and metrics of the training: nothing loads them
            yield from _code(child)


def _rebuild(path: Path) -> tf.keras.Model:
    try:
        return tf.keras.models.load_model(str(path), compile=False, safe_mode=True)
    except OSError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{path.name} is damaged: {error}; upload it again"
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"Keras {tf.keras.__version__} does not rebuild {path.name}: "
            f"{str(error).split('. ')[0].splitlines()[0]}. {_INSTEAD}",
        ) from error
