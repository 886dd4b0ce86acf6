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
from frazil_runtime.freeze.graphdef import ancestors, anonymous, every_node, node_name, prune
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Signature

# A protobuf cannot be larger; the graph's own nodes need some of it.
PROTOBUF_LIMIT = 2**31 - 2**20

_VARIABLES = ("VarHandleOp", "Variable", "VariableV2")
_INITIALIZERS = (
    "InitializeTable",
    "InitializeTableV2",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "LookupTableImport",
    "LookupTableImportV2",
)
_UNSET = b"ASSET-NOT-SET"
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


@dataclass(frozen=True, slots=True)
class Frozen:
    """A graph without variables; ``initialization`` and ``assets`` as in MetaGraph."""

    graph: GraphDef
    signatures: Mapping[str, Signature]
    initialization: tuple[str, ...]
    assets: Mapping[str, Path]

    @property
    def targets(self) -> list[str]:
        """Nodes that must stay: what is fed, fetched or run."""
        tensors = [t for s in self.signatures.values() for t in (*s.inputs, *s.outputs)]
        names = [t.tensor for t in tensors] + [*self.initialization, *self.assets]
        return sorted({node_name(name) for name in names})


def freeze(original: Original, limit: int = PROTOBUF_LIMIT) -> Frozen:
    """The original's graph with its variables' values in it.

    Raises FreezeError: MODEL_TOO_LARGE where the constants would exceed ``limit`` bytes,
    UNSUPPORTED_MODEL for nodes that only the Python process that made them can run.
    """
    meta = original.meta
    tensors = [t for s in original.signatures.values() for t in (*s.inputs, *s.outputs)]
    fetched = sorted({node_name(tensor.tensor) for tensor in tensors})
    graph = anonymous(original.graph.as_graph_def())
    graph = prune(graph, [*fetched, *meta.initialization, *meta.assets])
    graph = grappler.inline(graph, [*fetched, *meta.initialization, *meta.assets])
    initialization = _initializers(graph, fetched, meta.initialization)
    graph = prune(graph, [*fetched, *initialization])
    refuse_python(graph)
    _check_size(graph, limit)
    graph = _with_constants(original, graph, [*fetched, *initialization])
    assets = {t: path for t, path in meta.assets.items() if node_name(t) in _names(graph)}
    graph = _without_defaults(_without_paths(graph, assets), fetched)
    return Frozen(
        graph=prune(graph, [*fetched, *initialization, *assets]),
        signatures=original.signatures,
        initialization=initialization,
        assets=assets,
    )


def refuse_python(graph: GraphDef) -> None:
    """FreezeError (UNSUPPORTED_MODEL) that names the py_func nodes."""
    nodes = sorted(node.name for node in every_node(graph) if node.op in _PYTHON)
    if nodes:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"the nodes {', '.join(nodes)} call Python code (tf.py_function, tf.numpy_function), "
            "which no file holds: express it in TensorFlow operations and export again",
        )


def _initializers(
    graph: GraphDef, fetched: Sequence[str], operations: Sequence[str]
) -> tuple[str, ...]:
    """The table initialisers below ``operations`` whose table the outputs look at.

    The whole operation would also wait for what a frozen graph lacks: local variables' initial
    values, tables of the training half.
    """
    serving = ancestors(graph, fetched)
    below = ancestors(graph, operations)
    return tuple(
        sorted(
            node.name
            for node in graph.node
            if node.op in _INITIALIZERS and node.name in below
            if ancestors(graph, [node.input[0]]) & serving
        )
    )


def _check_size(graph: GraphDef, limit: int) -> None:
    """Before anything that large is made: serialising it would abort the process."""
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
    try:
        return convert_variables_to_constants_from_session_graph(original.session, graph, targets)
    except tf.errors.FailedPreconditionError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"a variable that the outputs need is not in the checkpoint: {error.message}",
        ) from error


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
