"""TensorFlow's graph optimiser, run when the artifact is built and never again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.grappler import tf_optimizer

# Public operations only: what these leave runs on any TensorFlow. `remap` fuses into private
# ones, and was no faster.
#
# `dependency` first: it takes away the identity behind each variable's read. Folding it instead
# would copy the weights for each reader, and Keras exports every model under two signatures.
PASSES: Final = (
    "pruning",
    "dependency",
    "loop",
    "common_subgraph_elimination",
    "constfold",
    "arithmetic",
    "dependency",
)


def inline(graph: GraphDef, targets: Sequence[str]) -> GraphDef:
    """The graph with every function call replaced by its body.

    Aggressive: else a function that uses a table, and one that gathers from a variable, stay
    calls, and the variable cannot become a constant.
    """
    return _optimize(graph, targets, ["function"])


def optimize(graph: GraphDef, targets: Sequence[str], passes: Sequence[str]) -> GraphDef:
    """The graph after Grappler's ``passes``; the nodes in ``targets`` keep their names."""
    return _optimize(graph, targets, passes)


def _optimize(graph: GraphDef, targets: Sequence[str], passes: Sequence[str]) -> GraphDef:
    config = tf.compat.v1.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1  # small graphs too
    options.meta_optimizer_iterations = RewriterConfig.TWO
    options.function_optimization = RewriterConfig.AGGRESSIVE
    options.optimizers.extend(passes)
    meta = MetaGraphDef(graph_def=graph)
    # The collection Grappler takes its fetched nodes from.
    meta.collection_def["train_op"].node_list.value.extend(targets)
    return tf_optimizer.OptimizeGraph(config, meta, verbose=False)
