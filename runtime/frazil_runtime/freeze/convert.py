"""Checkpoint → artifact: load, freeze, prove, write."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import artifact, images
from frazil_runtime.freeze.graph import freeze
from frazil_runtime.freeze.image_graph import preprocessing
from frazil_runtime.freeze.load import load
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.proof import prove
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.samples import collect
from frazil_runtime.manifest import Manifest

Progress = Callable[[str], None]


def convert(
    source: Path,
    request: FreezeRequest,
    destination: Path,
    progress: Progress,
    samples: Path | None = None,
) -> Manifest:
    """Freeze ``source`` into the directory ``destination``: graphs, warm-up, assets, manifest.

    ``source`` is a checkpoint's prefix, a SavedModel's directory, or a file; ``samples`` the npz
    that ``request.samples`` names, fetched. Equal arguments make equal bytes. Raises FreezeError
    for everything the user must act on; what nobody foresaw counts as the model's fault, since
    nothing but the disk and the memory could fare better the next time: OSError, MemoryError.
    """
    try:
        return _convert(source, request, destination, progress, samples)
    except (FreezeError, OSError, MemoryError):
        raise
    except Exception as error:
        progress(traceback.format_exc())
        raise FreezeError(Exit.UNSUPPORTED_MODEL, _unforeseen(error)) from error


def _unforeseen(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"the model cannot be frozen: {type(error).__name__} in {frame.name} "
        f"({Path(frame.filename).name}, line {frame.lineno}): {error}. The log of the conversion "
        "has the whole story; if the text above does not help, report it with the model's code"
    )


def _convert(
    source: Path,
    request: FreezeRequest,
    destination: Path,
    progress: Progress,
    samples: Path | None,
) -> Manifest:
    tf.get_logger().setLevel("ERROR")
    specs = images.read(request)
    with tempfile.TemporaryDirectory() as scratch:
        progress(f"loading {source.name}")
        meta = load(source, request, Path(scratch))
        with Original(meta) as original:
            progress(f"freezing the signatures {', '.join(meta.signatures)}")
            frozen = freeze(original)
            for name, reason in frozen.unsupported.items():
                progress(f"signature {name!r} is left out: {reason}")
            progress("proving that the frozen graph answers as the original")
            given = collect(source, samples, frozen.signatures)
            proved = prove(original, frozen, given, request)
        prepared = preprocessing(specs, proved.frozen.signatures, request.optimize)
        progress("writing the artifact")
        return artifact.write(proved, destination, prepared)
