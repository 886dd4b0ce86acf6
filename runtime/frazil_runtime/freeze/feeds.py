"""Placeholders that become constants: ``keep_prob``, ``is_training``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.graphdef import node_name
from frazil_runtime.freeze.names import nearest
from frazil_runtime.freeze.request import FeedValue, FreezeError
from frazil_runtime.manifest import Signature

_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")


def feed(graph: GraphDef, feeds: Mapping[str, FeedValue]) -> GraphDef:
    """The graph in which the placeholders named in ``feeds`` are constants.

    A value fills the placeholder's static shape. Raises FreezeError: TENSOR_NOT_FOUND with the
    nearest names, INVALID_REQUEST where the placeholder cannot hold the value.
    """
    if not feeds:
        return graph
    fed = GraphDef()
    fed.CopyFrom(graph)
    nodes = {node.name: node for node in fed.node if node.op in _PLACEHOLDERS}
    for name, value in feeds.items():
        node = nodes.get(node_name(name))
        if node is None:
            raise FreezeError(
                Exit.TENSOR_NOT_FOUND,
                f"feed {name!r} is not a placeholder of the graph{nearest(name, sorted(nodes))}",
            )
        node.CopyFrom(_constant(node, value))
    return fed


def without(signature: Signature, fed: Iterable[str]) -> Signature:
    """The signature whose inputs are what is not ``fed``."""
    constants = {node_name(name) for name in fed}
    left = tuple(t for t in signature.inputs if node_name(t.tensor) not in constants)
    return replace(signature, inputs=left)


def _constant(node: NodeDef, value: FeedValue) -> NodeDef:
    dtype = tf.dtypes.as_dtype(node.attr["dtype"].type)
    shape = tf.TensorShape(node.attr["shape"].shape if "shape" in node.attr else None)
    dims = shape.as_list() if shape.is_fully_defined() else []
    try:
        proto = tf.make_tensor_proto(np.full(dims, value).tolist(), dtype=dtype, shape=dims)
    except (TypeError, ValueError) as error:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"feed {node.name!r} is a {dtype.name} placeholder, which cannot hold {value!r}",
        ) from error
    constant = NodeDef(name=node.name, op="Const")
    constant.attr["dtype"].type = dtype.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(proto)
    return constant
