"""Dropout that is switched off, and draws random numbers all the same.

With ``keep_prob`` 1, ``tf.nn.dropout`` in graph mode still compares random numbers in [0, 1) with
0: the answer is known, but Grappler does not know the numbers' range. Left in, it costs a random
number per value and makes a deterministic model look random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from frazil_runtime.freeze.graphdef import node_name


@dataclass(frozen=True, slots=True)
class _Range:
    """What every element lies in: [low, high], or [low, high) where ``open``.

    ``random`` is the node that drew the numbers, and whose shape the node has; "" for a scalar.
    """

    low: float
    high: float
    open: bool = False
    random: str = ""

    @property
    def value(self) -> float | None:
        """The one value that there can be."""
        return self.low if self.low == self.high and not self.open else None


_Bounds = tuple[float, float, bool]


def without_idle_dropout(graph: GraphDef) -> GraphDef:
    """A copy in which what random numbers cannot change is constant, in the same shape."""
    copy = GraphDef()
    copy.CopyFrom(graph)
    nodes = {node.name: node for node in copy.node}
    ranges: dict[str, _Range | None] = {}
    for node in list(copy.node):
        found = _range_of(node.name, nodes, ranges)
        if found and found.random and found.value is not None:
            _fill(copy, node, nodes[found.random], found.value)
    return copy


def _range_of(
    name: str, nodes: Mapping[str, NodeDef], ranges: dict[str, _Range | None]
) -> _Range | None:
    if name not in ranges:
        ranges[name] = None  # a loop leads back here: nothing is known of what goes around
        node = nodes[name]
        if node.op == "Const":
            ranges[name] = _scalar(node)
        elif node.op == "RandomUniform":
            ranges[name] = _Range(0, 1, open=True, random=name)
        elif node.op in _RULES and len(_data(node)) == len(node.input):
            inputs = [_range_of(node_name(i), nodes, ranges) for i in node.input]
            known = [r for r in inputs if r]
            if len(known) == len(inputs) and sum(bool(r.random) for r in known) <= 1:
                ranges[name] = _applied(node.op, known)
    return ranges[name]


def _data(node: NodeDef) -> list[str]:
    return [reference for reference in node.input if not reference.startswith("^")]


def _scalar(node: NodeDef) -> _Range | None:
    tensor = tf.make_ndarray(node.attr["value"].tensor)
    if tensor.ndim or tensor.dtype.kind not in "fiu":
        return None
    return _Range(float(tensor), float(tensor))


def _applied(op: str, inputs: list[_Range]) -> _Range | None:
    random = next((r.random for r in inputs if r.random), "")
    bounds = _RULES[op](*inputs)
    if bounds is None:
        return None
    low, high, half_open = bounds
    return _Range(low, high, half_open, random)


def _add(a: _Range, b: _Range) -> _Bounds:
    return a.low + b.low, a.high + b.high, a.open or b.open


def _subtract(a: _Range, b: _Range) -> _Bounds | None:
    # A range that is turned around would be open below, which is not needed here.
    return None if b.random else (a.low - b.low, a.high - b.high, a.open)


def _multiply(a: _Range, b: _Range) -> _Bounds | None:
    scalar, other = (b, a) if a.random else (a, b)
    if scalar.low <= 0:
        return None
    return other.low * scalar.low, other.high * scalar.low, other.open


def _floor(a: _Range) -> _Bounds:
    high = math.ceil(a.high) - 1 if a.open else math.floor(a.high)
    return math.floor(a.low), high, False


def _greater_equal(a: _Range, b: _Range) -> _Bounds:
    always, never = a.low >= b.high, a.high < b.low or (a.open and a.high <= b.low)
    return float(always), float(not never), False


def _cast(a: _Range) -> _Bounds | None:
    return None if a.value is None else (a.low, a.high, False)


_RULES: Final[Mapping[str, Callable[..., _Bounds | None]]] = {
    "Add": _add,
    "AddV2": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Floor": _floor,
    "GreaterEqual": _greater_equal,
    "Cast": _cast,
    "Identity": lambda a: (a.low, a.high, a.open),
}
_OUTPUT_TYPE = {"GreaterEqual": tf.bool.as_datatype_enum}


def _fill(graph: GraphDef, node: NodeDef, random: NodeDef, value: float) -> None:
    """Make ``node`` a Fill of the shape that the random numbers had."""
    attribute = node.attr["DstT"] if node.op == "Cast" else node.attr["T"]
    dtype = tf.dtypes.as_dtype(_OUTPUT_TYPE.get(node.op, attribute.type))
    index = random.attr["T"].type
    constant = graph.node.add(name=f"{node.name}/idle", op="Const")
    constant.attr["dtype"].type = dtype.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(
        tf.make_tensor_proto(dtype.as_numpy_dtype(value), dtype=dtype)
    )
    shape = random.input[0]
    node.Clear()
    node.name = constant.name.removesuffix("/idle")
    node.op = "Fill"
    node.input.extend([shape, constant.name])
    node.attr["T"].type = dtype.as_datatype_enum
    node.attr["index_type"].type = index
