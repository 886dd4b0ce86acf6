"""What no serving runtime can run, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework import kernels, op_def_registry

from frazil_runtime.freeze.graphdef import every_node, prune

_QUEUES = re.compile("QueueDequeue|ReaderRead|BarrierTakeMany|(OrderedMap|Map)?Unstage")
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
# Of variables; a table that is filled by its initialisation is not written by a call.
_WRITES = re.compile("(Resource)?(Assign|Apply|SparseApply|Scatter)")
_PURE = ("ScatterNd", "ScatterNdNonAliasingAdd")


def unknown_operations(graph: GraphDef) -> str | None:
    """Operations that are not TensorFlow's own: a graph with one cannot even be imported."""
    functions = {function.signature.name for function in graph.library.function}
    unknown: dict[str, str] = {}
    for node in every_node(graph):
        if node.op not in functions and op_def_registry.get(node.op) is None:
            unknown.setdefault(node.op, node.name)
    if not unknown:
        return None
    named = ", ".join(f"{op} (node {node})" for op, node in sorted(unknown.items()))
    return (
        f"TensorFlow does not have these operations: {named}. They come from a library of "
        "custom operations; export the model without them"
    )


def refusal(graph: GraphDef, targets: Iterable[str]) -> str | None:
    """Why the part of an inlined graph that ``targets`` need cannot be served; None if it can."""
    nodes = list(every_node(prune(graph, targets)))
    functions = {function.signature.name for function in graph.library.function}
    python = sorted(node.name for node in nodes if node.op in _PYTHON)
    if python:
        return (
            f"the nodes {_listed(python)} call Python code (tf.py_function, tf.numpy_function), "
            "which no file holds: express it in TensorFlow operations and export again"
        )
    writes = sorted(node.name for node in nodes if _writes(node.op))
    if writes:
        return (
            f"the nodes {_listed(writes)} change variables, and what is served never changes: "
            "export a function that only predicts"
        )
    queues = sorted(f"{node.name} ({node.op})" for node in nodes if _QUEUES.match(node.op))
    if queues:
        return (
            f"the nodes {_listed(queues)} read from an input queue, which nothing fills when the "
            "model is served: name what comes out of it in `inputs`, or export the model with a "
            "placeholder in its place"
        )
    elsewhere = sorted(
        f"{node.name} ({node.op})"
        for node in nodes
        if node.op not in functions and not _runs_on_cpu(node.op)
    )
    if elsewhere:
        return f"the nodes {_listed(elsewhere)} cannot run on a CPU: export the model for CPUs"
    return None


def _writes(op: str) -> bool:
    return bool(_WRITES.match(op)) and op not in _PURE


def _runs_on_cpu(op: str) -> bool:
    registered = kernels.get_registered_kernels_for_op(op).kernel
    return any(kernel.device_type in ("CPU", "DEFAULT") for kernel in registered)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
