"""One entrance for every format: a source becomes a MetaGraph that holds what serving needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import feeds, signatures
from frazil_runtime.freeze.graphdef import prune
from frazil_runtime.freeze.load_checkpoint import load_checkpoint
from frazil_runtime.freeze.load_graphdef import load_graphdef
from frazil_runtime.freeze.load_keras import load_keras
from frazil_runtime.freeze.load_savedmodel import load_savedmodel
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.refusals import unknown_operations
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

Loader = Callable[[Path, FreezeRequest, Path], MetaGraph]

_LOADERS: Final[dict[str, Loader]] = {
    "Checkpoint": lambda source, request, _: load_checkpoint(source, request),
    "SavedModel": lambda source, request, _: load_savedmodel(source, request),
    "FrozenGraph": lambda source, request, _: load_graphdef(source, request),
    "Keras": load_keras,
}
_DEFAULT: Final = "serving_default"
_SUFFIXES: Final = {
    ".keras": "Keras",
    ".h5": "Keras",
    ".hdf5": "Keras",
    ".pb": "FrozenGraph",
    ".pbtxt": "FrozenGraph",
}


def load(source: Path, request: FreezeRequest, scratch: Path) -> MetaGraph:
    """Read ``source`` (a checkpoint's prefix, a SavedModel's directory or a file).

    What comes back has the request's feeds as constants, its signatures' nodes and no others.
    ``scratch`` is a directory that lives as long as the MetaGraph is used. Raises FreezeError.
    """
    loader = _LOADERS.get(format_of(source, request.format))
    if loader is None:
        raise FreezeError(
            Exit.INVALID_REQUEST, f"format {request.format!r} is none of {', '.join(_LOADERS)}"
        )
    meta = loader(source, request, scratch)
    if request.inputs and not request.outputs:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            "`inputs` names nodes, and only with `outputs` is there a signature to make of them: "
            "name these too, or leave `inputs` out to have the model's own signatures",
        )
    meta = replace(
        meta,
        graph=feeds.feed(meta.graph, request.feeds),
        signatures={n: feeds.without(s, request.feeds) for n, s in meta.signatures.items()},
    )
    if request.outputs:
        named = {request.signature: signatures.from_request(meta.graph, request)}
        meta = replace(meta, signatures=named, unsupported={})
    meta = replace(meta, default=default_signature(meta, request.signature))
    missing = signatures.unfed(meta.graph, meta.signatures[meta.default])
    if missing:
        raise FreezeError(Exit.TENSOR_NOT_FOUND, f"signature {meta.default!r}: {missing}")
    meta = replace(meta, graph=prune(meta.graph, _needed(meta)))
    why = unknown_operations(meta.graph)
    if why:
        raise FreezeError(Exit.UNSUPPORTED_MODEL, why)
    return meta


def format_of(source: Path, wanted: str) -> str:
    """The format a user named, or what the source looks like for ``Auto``."""
    if wanted != "Auto":
        return wanted
    if source.is_dir():
        return "SavedModel"
    return _SUFFIXES.get(source.suffix, "Checkpoint") if source.is_file() else "Checkpoint"


def default_signature(meta: MetaGraph, wanted: str) -> str:
    """The signature served when a client names none: the wanted one, or the only one.

    Raises FreezeError: UNSUPPORTED_MODEL with the reason where that one cannot be served,
    TENSOR_NOT_FOUND with the names there are.
    """
    if wanted in meta.signatures:
        return wanted
    if wanted in meta.unsupported:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL, f"signature {wanted!r}: {meta.unsupported[wanted]}"
        )
    if len(meta.signatures) == 1 and wanted == _DEFAULT:
        return next(iter(meta.signatures))
    reasons = [f"{name} (not served: {why})" for name, why in meta.unsupported.items()]
    known = ", ".join([*meta.signatures, *reasons]) or "none"
    raise FreezeError(
        Exit.TENSOR_NOT_FOUND,
        f"the model has no signature {wanted!r}; it has: {known}. "
        "Name one in `signature`, or nodes in `inputs` and `outputs`",
    )


def _needed(meta: MetaGraph) -> list[str]:
    tensors = [t for s in meta.signatures.values() for t in (*s.inputs, *s.outputs)]
    restore = [meta.restore.operation, meta.restore.filename] if meta.restore else []
    return [*(t.tensor for t in tensors), *restore, *meta.initialization, *meta.assets]
