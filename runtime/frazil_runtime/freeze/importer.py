"""The one way a GraphDef of a user's becomes a graph of TensorFlow's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError


def import_graph(graph: GraphDef, replaced: Mapping[str, Any] | None = None) -> None:
    """Import into the default graph; ``replaced`` tensors are read from the given ones instead.

    Raises FreezeError (UNSUPPORTED_MODEL) with TensorFlow's reason.
    """
    try:
        tf.graph_util.import_graph_def(graph, input_map=replaced, name="")
    except (ValueError, tf.errors.OpError) as error:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"TensorFlow {tf.__version__} does not read the graph: {error}. "
            "A newer TensorFlow may have exported it: export it with this one",
        ) from error
