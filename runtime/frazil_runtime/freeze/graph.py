"""Freezes: every variable a constant, every function inlined, nothing but what serving needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_from_session_graph,
)

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import grappler
from frazil_runtime.freeze.graphdef import anonymous, node_name, prune
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.refusals import refusal
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.signatures import unfed
from frazil_runtime.freeze.tables import with_initializers
from frazil_runtime.manifest import Signature

# A protobuf cannot be larger; the graph's own nodes need some of it.
PROTOBUF_LIMIT = 2**31 - 2**20

_VARIABLES = ("VarHandleOp", "Variable", "VariableV2")
_UNSET = b"ASSET-NOT-SET"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A graph without variables; the other fields are as in MetaGraph."""

    graph: GraphDef
    signatures: Mapping[str, Signature]
    default: str
    unsupported: Mapping[str, str]
    initialization: tuple[str, ...]
    assets: Mapping[str, Path]

    @property
    def targets(self) -> list[str]:
        """Nodes that must stay: what is fed, fetched or run."""
        others = {node_name(name) for name in (*self.initialization, *self.assets)}
        return sorted({*_tensor_nodes(self.signatures), *others})


def freeze(original: Original, limit: int = PROTOBUF_LIMIT) -> Frozen:
    """The original's graph with its variables' values in it; this is when the original gets them.

    Raises FreezeError: MODEL_TOO_LARGE where the constants would exceed ``limit`` bytes,
    UNSUPPORTED_MODEL where the default signature cannot be served; others that cannot are left out.
    """
    meta = original.meta
    graph = _inlined(original)
    unsupported = _refusals(graph, original.signatures)
    if meta.default in unsupported:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL, f"signature {meta.default!r}: {unsupported[meta.default]}"
        )
    signatures = {n: s for n, s in original.signatures.items() if n not in unsupported}
    fetched = _tensor_nodes(signatures)
    _check_size(prune(graph, fetched), limit)
    original.restore()
    graph, initialization = with_initializers(graph, original, fetched, meta.initialization)
    graph = prune(graph, [*fetched, *initialization])
    _check_size(graph, limit)
    graph = _with_constants(original, graph, [*fetched, *initialization])
    assets = {t: path for t, path in meta.assets.items() if node_name(t) in _names(graph)}
    graph = _without_defaults(_without_paths(graph, assets), fetched)
    return Frozen(
        graph=prune(graph, [*fetched, *initialization, *assets]),
        signatures=signatures,
        default=meta.default,
        unsupported={**meta.unsupported, **unsupported},
        initialization=initialization,
        assets=assets,
    )


def _tensor_nodes(signatures: Mapping[str, Signature]) -> list[str]:
    """The nodes that are fed and fetched."""
    tensors = [t for s in signatures.values() for t in (*s.inputs, *s.outputs)]
    return sorted({node_name(tensor.tensor) for tensor in tensors})


def _inlined(original: Original) -> GraphDef:
    """The part of the original's graph that signatures and initialisation need, without calls."""
    meta = original.meta
    targets = [*_tensor_nodes(original.signatures), *meta.initialization, *meta.assets]
    graph = prune(anonymous(original.graph.as_graph_def()), targets)
    inlined = grappler.inline(graph, sorted({node_name(target) for target in targets}))
    return anonymous(inlined)  # the inliner colocates what it adds


def _refusals(graph: GraphDef, signatures: Mapping[str, Signature]) -> dict[str, str]:
    """By signature that cannot be served, why."""
    found = {}
    for name, signature in signatures.items():
        tensors = [tensor.tensor for tensor in (*signature.inputs, *signature.outputs)]
        why = refusal(graph, tensors) or unfed(graph, signature)
        if why:
            found[name] = why
    return found


def _check_size(graph: GraphDef, limit: int) -> None:
    """Before anything that large is read or made: serialising it would abort the process."""
    size = 0
    for node in graph.node:
        if node.op in _VARIABLES:
            shape = tf.TensorShape(node.attr["shape"].shape)
            dtype = tf.dtypes.as_dtype(node.attr["dtype"].type)
            size += (shape.num_elements() or 0) * dtype.size
        else:
            size += node.ByteSize()
    if size > limit:
        raise FreezeError(
            Exit.MODEL_TOO_LARGE,
            f"the frozen graph would have {size / 2**30:.2f} GiB, and TensorFlow's graph format "
            f"ends at {limit / 2**30:.2f}: export a smaller model, or one with float16 weights",
        )


def _with_constants(original: Original, graph: GraphDef, targets: list[str]) -> GraphDef:
    indices = {f"{n.name}/axis": n.input[1] for n in graph.node if n.op == "ResourceGather"}
    try:
        made = convert_variables_to_constants_from_session_graph(original.session, graph, targets)
    except tf.errors.FailedPreconditionError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"a variable that the outputs need is not in the checkpoint: {error.message}",
        ) from error
    for node in made.node:
        if node.name in indices:
            # TensorFlow's converter makes the axis outside of the loop that gathers.
            node.input.append(f"^{node_name(indices[node.name])}")
    return made


def _names(graph: GraphDef) -> set[str]:
    return {node.name for node in graph.node}


def _without_paths(graph: GraphDef, assets: Mapping[str, Path]) -> GraphDef:
    """Blank the paths of the machine that exported: a forgotten feed then fails by name."""
    for node in graph.node:
        if node.op == "Const" and f"{node.name}:0" in assets:
            node.attr["value"].tensor.string_val[:] = [_UNSET]
    return graph


def _without_defaults(graph: GraphDef, fetched: Sequence[str]) -> GraphDef:
    """A placeholder with a default that is no input is its default."""
    for node in graph.node:
        if node.op == "PlaceholderWithDefault" and node.name not in fetched:
            node.op = "Identity"
            node.attr["T"].CopyFrom(node.attr["dtype"])
            del node.attr["dtype"], node.attr["shape"]
    return graph
