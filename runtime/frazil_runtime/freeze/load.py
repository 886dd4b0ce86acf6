"""One entrance for every format: a source becomes a MetaGraph that holds what serving needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tensorflow.python.framework import op_def_registry

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import feeds, signatures
from frazil_runtime.freeze.graphdef import every_node, prune
from frazil_runtime.freeze.load_checkpoint import load_checkpoint
from frazil_runtime.freeze.load_graphdef import load_graphdef
from frazil_runtime.freeze.load_keras import load_keras
from frazil_runtime.freeze.load_savedmodel import load_savedmodel
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

Loader = Callable[[Path, FreezeRequest, Path], MetaGraph]

_LOADERS: Final[dict[str, Loader]] = {
    "Checkpoint": lambda source, request, _: load_checkpoint(source, request),
    "SavedModel": lambda source, request, _: load_savedmodel(source, request),
    "FrozenGraph": lambda source, request, _: load_graphdef(source, request),
    "Keras": load_keras,
}
_SUFFIXES: Final = {".keras": "Keras", ".h5": "Keras", ".hdf5": "Keras", ".pb": "FrozenGraph"}


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
    meta = replace(meta, graph=feeds.feed(meta.graph, request.feeds))
    if request.outputs:
        named = {request.signature: signatures.from_request(meta.graph, request)}
        meta = replace(meta, signatures=named, unsupported={})
    for name, signature in meta.signatures.items():
        signatures.require_fed(meta.graph, name, signature)
    meta = replace(meta, graph=prune(meta.graph, _needed(meta)))
    _refuse_unknown(meta)
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
    if len(meta.signatures) == 1 and wanted == FreezeRequest.signature:
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


def _refuse_unknown(meta: MetaGraph) -> None:
    functions = {function.signature.name for function in meta.graph.library.function}
    unknown: dict[str, str] = {}
    for node in every_node(meta.graph):
        if node.op not in functions and op_def_registry.get(node.op) is None:
            unknown.setdefault(node.op, node.name)
    if unknown:
        named = ", ".join(f"{op} (node {node})" for op, node in sorted(unknown.items()))
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"TensorFlow does not have these operations: {named}. They come from a library of "
            "custom operations; export the model without them",
        )
