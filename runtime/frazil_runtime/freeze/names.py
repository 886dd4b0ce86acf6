"""What to tell a user who named no output, or one that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.freeze.graphdef import node_name

_SHOWN = 12
# Where a classifier's answer usually is, even when a loss or a metric goes on from there.
_ANSWERS = frozenset({"Softmax", "Sigmoid", "ArgMax", "TopKV2"})
_NEVER_ANSWERS = frozenset({"Assert", "Const", "NoOp", "Placeholder", "SaveV2"})
_TRAINING = ("save/", "gradients/", "report_uninitialized", "init")
_EFFECTS = ("Assign", "Apply", "ResourceApply", "Scatter", "Summary", "VarIs", "Variable", "VarH")


def nearest(name: str, known: Sequence[str]) -> str:
    """``; the nearest are 'prob_1:0', 'probs:0'``, or some of the names when none is near."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"; the nearest are {', '.join(map(repr, close))}"
    return f"; there are {', '.join(map(repr, known[:_SHOWN]))}" if known else ""


def candidates(graph: GraphDef) -> str:
    """The nodes that may be outputs, as a list to read: answers, and what nothing consumes."""
    consumed = {node_name(reference) for node in graph.node for reference in node.input}
    found = [
        f"{node.name} ({node.op})"
        for node in graph.node
        if node.op in _ANSWERS or (node.name not in consumed and _may_answer(node.op))
        if not node.name.startswith(_TRAINING)
    ]
    return ", ".join(found[:_SHOWN]) or "none found"


def _may_answer(op: str) -> bool:
    return op not in _NEVER_ANSWERS and not any(effect in op for effect in _EFFECTS)
