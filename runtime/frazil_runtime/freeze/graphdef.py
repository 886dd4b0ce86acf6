"""GraphDefs as data: walk, prune, put into a canonical form. Nothing here runs a graph."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

# The executor reads these although their names are private; the others describe how the graph
# came to be (gradients, colocation, the names of Python functions with a counter in them).
_MEANINGFUL = ("_lower_using_switch_merge", "_noinline", "_XlaMustCompile")


_LOOPS = ("While", "StatelessWhile", "Enter", "RefEnter")
# What has a state is not repeated by the next run; StatelessRandom… gets its seed as an input.
_RANDOM = re.compile("^(?!Stateless)(.*Random|.*TruncatedNormal|Multinomial|Stateful(?!Part)|Rng)")


def node_name(reference: str) -> str:
    """The node of an input or tensor name: ``^a`` and ``a:1`` are both of ``a``."""
    return reference.lstrip("^").split(":", 1)[0]


def tensor_name(reference: str) -> str:
    """The tensor of a name given with or without its output number: ``a`` is ``a:0``."""
    return reference if ":" in reference else f"{reference}:0"


def ancestors(graph: GraphDef, targets: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
    """Names of the nodes that ``targets`` (nodes or tensors) need, themselves included.

    The walk does not go beyond the nodes in ``stop``; unknown names are left out.
    """
    inputs = {node.name: node.input for node in graph.node}
    halt = {node_name(name) for name in stop}
    found: set[str] = set()
    queue = [node_name(target) for target in targets]
    while queue:
        name = queue.pop()
        if name in found or name not in inputs:
            continue
        found.add(name)
        if name not in halt:
            queue.extend(node_name(reference) for reference in inputs[name])
    return found


def prune(graph: GraphDef, targets: Iterable[str]) -> GraphDef:
    """The part of the graph, and of its function library, that ``targets`` need."""
    needed = ancestors(graph, targets)
    pruned = GraphDef(versions=graph.versions)
    pruned.node.extend(node for node in graph.node if node.name in needed)
    called = _called_functions(graph, pruned.node)
    library = graph.library
    pruned.library.function.extend(f for f in library.function if f.signature.name in called)
    pruned.library.gradient.extend(g for g in library.gradient if g.function_name in called)
    return pruned


def every_node(graph: GraphDef) -> Iterator[NodeDef]:
    """The nodes of the graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def has_loops(graph: GraphDef) -> bool:
    """Whether control flow in the graph runs as often as the data says."""
    return any(node.op in _LOOPS for node in every_node(graph))


def has_random(graph: GraphDef, targets: Iterable[str]) -> bool:
    """Whether ``targets`` depend on an operation that draws random numbers from a state."""
    part = prune(graph, targets)
    return any(_RANDOM.search(node.op) for node in every_node(part))


def anonymous(graph: GraphDef) -> GraphDef:
    """A copy without what only says where and how the graph was made: devices, debug traces."""
    copy = GraphDef()
    copy.CopyFrom(graph)
    copy.ClearField("debug_info")
    for node in every_node(copy):
        node.ClearField("device")
        node.ClearField("experimental_debug_info")
        _drop_private(node.attr)
    for function in copy.library.function:
        _drop_private(function.attr)
        # Names a second implementation (cuDNN): it keeps Grappler from inlining this one.
        function.attr.pop("api_implements", None)
    return copy


def canonical(graph: GraphDef) -> GraphDef:
    """The same graph in one order: by dependency, then by name; tables and functions by number.

    Grappler's order follows its hash maps, and Keras's and TensorFlow's names of tables and
    functions hold counters of the process that wrote them.
    """
    ordered = GraphDef(versions=graph.versions)
    ordered.node.extend(_by_dependency(graph.node))
    ordered.library.CopyFrom(graph.library)
    _number_tables(ordered)
    _number_functions(ordered)
    return ordered


def _called_functions(graph: GraphDef, nodes: Sequence[NodeDef]) -> dict[str, None]:
    """Names of the functions that ``nodes`` call, directly or not, in the order of the calls."""
    library = {function.signature.name: function for function in graph.library.function}
    found: dict[str, None] = {}
    queue = list(nodes)
    while queue:
        node = queue.pop(0)
        for name in (node.op, *_function_attributes(node)):
            if name in library and name not in found:
                found[name] = None
                queue.extend(library[name].node_def)
    return found


def _function_attributes(node: NodeDef) -> Iterator[str]:
    for key in sorted(node.attr):
        value = node.attr[key]
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _drop_private(attributes: dict[str, AttrValue]) -> None:
    for key in [k for k in attributes if k.startswith("_") and k not in _MEANINGFUL]:
        del attributes[key]


def _by_dependency(nodes: Sequence[NodeDef]) -> Iterator[NodeDef]:
    """Kahn's algorithm with a heap of names; a loop's back edge (NextIteration) does not count."""
    by_name = {node.name: node for node in nodes}
    waiting: dict[str, int] = {}
    consumers: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        sources = {node_name(reference) for reference in node.input}
        forward = [s for s in sources if by_name[s].op not in ("NextIteration", "RefNextIteration")]
        waiting[node.name] = len(forward)
        for source in forward:
            consumers[source].append(node.name)
    ready = sorted(name for name, count in waiting.items() if not count)
    while ready:
        name = heapq.heappop(ready)
        yield by_name[name]
        for consumer in consumers[name]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                heapq.heappush(ready, consumer)


def _number_tables(graph: GraphDef) -> None:
    names: dict[bytes, bytes] = {}
    for node in every_node(graph):
        if "shared_name" in node.attr and node.attr["shared_name"].s:
            old = node.attr["shared_name"].s
            node.attr["shared_name"].s = names.setdefault(old, b"table_%d" % len(names))


def _number_functions(graph: GraphDef) -> None:
    called = _called_functions(graph, graph.node)
    new = {old: f"function_{number}" for number, old in enumerate(called)}
    library = {function.signature.name: function for function in graph.library.function}
    for node in every_node(graph):
        node.op = new.get(node.op, node.op)
        for value in node.attr.values():
            if value.HasField("func"):
                value.func.name = new.get(value.func.name, value.func.name)
            for function in value.list.func:
                function.name = new.get(function.name, function.name)
    for old, function in library.items():
        function.signature.name = new.get(old, old)
    functions = [library[old] for old in called]
    graph.library.Clear()
    graph.library.function.extend(functions)
