"""The smallest sizes a signature accepts, found by running it.

TensorFlow checks little of a feed's shape, and oneDNN answers a VALID convolution of an image
smaller than its kernel with uninitialised memory instead of an error, and a pooling of one smaller
than its window with the process's end. So the runtime refuses what is smaller than what was seen to
work here.

Method: all free dimensions at 1, 2, 4 … (and the sizes of its matrices) until it runs, with no
window's input smaller than the window; then bisection of that common size; then of each
dimension alone, the others held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import tensorflow as tf

from frazil_runtime.freeze.graphdef import ancestors
from frazil_runtime.freeze.runner import Arrays, Runner
from frazil_runtime.freeze.sparse import sparse_inputs
from frazil_runtime.manifest import Signature, Tensor

Dimension = tuple[str, int]  # input's name and axis
Sizes = Mapping[Dimension, int]
Probe = Callable[[Sizes], Arrays]

_LARGEST = 1024
_MOST = 2**26  # values of one input: more would be the memory of the trial
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "Conv3D")
_POOLINGS = ("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")


def smallest(
    runner: Runner, signature: Signature, probe: Probe, known: Sizes | None
) -> Sizes | None:
    """The smallest size of each free dimension; None where no size was found to work.

    ``probe`` makes inputs of given sizes; ``known`` are sizes of a real sample. The leading
    dimension is tried as a number of rows, which may be 1, before it is searched as the others.
    """
    accepts = _acceptance(runner, signature, probe)
    every = free_dimensions(signature)
    ladder = _ladder(runner.graph)
    rows = {dimension: 1 for dimension in every if dimension[1] == 0}
    for fixed in [rows, {}] if rows else [{}]:
        free = [dimension for dimension in every if dimension not in fixed]
        start = _start(accepts, free, fixed, known, ladder)
        if start is not None:
            return _no_elements(signature) | _shrink(accepts, free, start)
    return None


def free_dimensions(signature: Signature) -> list[Dimension]:
    """The dimensions of the inputs that a client chooses; a sparse input's are its dense ones."""
    sparse = list(sparse_inputs(signature))
    hidden = {name for each in sparse for name in each.names}
    free = [
        (tensor.name, axis)
        for tensor in signature.inputs
        for axis, size in enumerate(tensor.shape or ())
        if size == -1 and tensor.name not in hidden
    ]
    return free + [(s.dense_shape.name, axis) for s in sparse for axis in range(s.rank)]


def with_minimum(tensor: Tensor, sizes: Sizes) -> Tensor:
    """The input with its smallest sizes noted, where they are known.

    A fixed dimension is its own minimum.
    """
    minimum = [
        sizes.get((tensor.name, axis)) if size == -1 else size
        for axis, size in enumerate(tensor.shape or ())
    ]
    known = tuple(size for size in minimum if size is not None)
    if tensor.shape is None or len(known) < len(minimum):
        return tensor
    return replace(tensor, minimum=known)


def _start(
    accepts: Callable[[Sizes], bool],
    free: list[Dimension],
    fixed: Sizes,
    known: Sizes | None,
    ladder: Sequence[int],
) -> Sizes | None:
    for size in ladder if free else [1]:
        if size ** len(free) > _MOST:
            break
        sizes = {**fixed, **dict.fromkeys(free, size)}
        if accepts(sizes):
            return {**fixed, **dict.fromkeys(free, _bisect(accepts, sizes, free))}
    if known and accepts({**known, **fixed}):
        return {**known, **fixed}
    return None


def _no_elements(signature: Signature) -> dict[Dimension, int]:
    """A sparse tensor may be all zeros."""
    return {(part.name, 0): 0 for s in sparse_inputs(signature) for part in (s.indices, s.values)}


def _ladder(graph: tf.Graph) -> list[int]:
    """Sizes worth a try: powers of two, and the sizes of the graph's own matrices.

    A dimension that was declared free is often the rows of a weight matrix all the same.
    """
    shapes = [op.outputs[0].shape for op in graph.get_operations() if op.type == "Const"]
    sizes = {size for shape in shapes if shape.rank == 2 for size in shape.as_list()}
    powers = {2**power for power in range(_LARGEST.bit_length())}
    return sorted(powers | {size for size in sizes if 0 < size <= _LARGEST})


def _shrink(
    accepts: Callable[[Sizes], bool], free: list[Dimension], start: Sizes
) -> dict[Dimension, int]:
    sizes = dict(start)
    for dimension in free:
        sizes[dimension] = _bisect(accepts, sizes, [dimension])
    return sizes


def _bisect(accepts: Callable[[Sizes], bool], sizes: Sizes, dimensions: list[Dimension]) -> int:
    """The smallest common size of ``dimensions`` that is accepted, at most what it is now."""
    low, high = 1, sizes[dimensions[0]] if dimensions else 1
    while low < high:
        middle = (low + high) // 2
        if accepts({**sizes, **dict.fromkeys(dimensions, middle)}):
            high = middle
        else:
            low = middle + 1
    return high


def _acceptance(runner: Runner, signature: Signature, probe: Probe) -> Callable[[Sizes], bool]:
    outputs = [tensor.tensor for tensor in signature.outputs]
    windows = _windows(runner.graph, outputs)
    # One after the other: what comes before a pooling whose input is too small ends the process.
    steps = [
        *(([], [window]) for window in windows if window.deadly),
        (outputs, [window for window in windows if not window.deadly]),
    ]

    def accepts(sizes: Sizes) -> bool:
        arrays = probe(sizes)
        feeds = {tensor.tensor: arrays[tensor.name] for tensor in signature.inputs}
        for results, looked_at in steps:
            fetches = [results, [window.shape for window in looked_at]]
            try:
                _, shapes = runner.serve(signature, fetches, feeds)
            except (tf.errors.OpError, ValueError):
                return False
            if not all(map(_Window.takes, looked_at, shapes)):
                return False
        return True

    return accepts


@dataclass(frozen=True, slots=True)
class _Window:
    """A VALID convolution or pooling: its input's shape, and the least that may be.

    ``deadly``: oneDNN's pooling of an image smaller than its window can divide by zero (SIGFPE).
    """

    shape: tf.Tensor
    least: Sequence[int]
    deadly: bool

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether an input of this shape is large enough."""
        return all(size >= least for size, least in zip(shape, self.least, strict=True))


def _windows(graph: tf.Graph, outputs: list[str]) -> list[_Window]:
    """Those that ``outputs`` depend on, each after all that it depends on itself.

    Those under control flow are left out: a branch not taken has no shape to look at.
    """
    definition = graph.as_graph_def()
    kinds = {node.name: node.op for node in definition.node}
    found = []
    for name in sorted(ancestors(definition, outputs)):
        operation = graph.get_operation_by_name(name)
        least = _least(operation)
        above = ancestors(definition, [name]) if least else set()
        if least and not {kinds[node] for node in above} & {"Enter", "Switch"}:
            with graph.as_default():
                shape = tf.shape(operation.inputs[0])
            found.append((len(above), _Window(shape, least, operation.type in _POOLINGS)))
    found.sort(key=itemgetter(0))  # who depends on another has more above it
    return [window for _, window in found]


def _least(operation: Any) -> list[int]:
    """Per axis of the input: (window - 1) · dilation + 1 in space, nothing elsewhere.

    Empty where the operation has no window, or one that may stand out over the edge.
    """
    kind = operation.type
    if kind not in (*_CONVOLUTIONS, *_POOLINGS) or operation.get_attr("padding") != b"VALID":
        return []
    layout = operation.get_attr("data_format").decode()
    axes = [axis for axis, letter in enumerate(layout) if letter not in "NC"]
    if kind in _POOLINGS:
        sizes = operation.get_attr("ksize")
        return [sizes[axis] if axis in axes else 0 for axis in range(len(layout))]
    kernel = operation.inputs[1].shape
    if not kernel.is_fully_defined():
        return []
    dilations = operation.get_attr("dilations")
    least = [0] * len(layout)
    for axis, size in zip(axes, kernel.as_list()[:-2], strict=True):
        least[axis] = (size - 1) * dilations[axis] + 1
    return least
