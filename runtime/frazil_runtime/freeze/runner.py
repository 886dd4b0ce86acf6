"""Runs a graph as the serving runtime will: one thread, Grappler off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.manifest import Signature

_NODE = re.compile(r"\{\{.*?\}\} ?")  # says which function a node is of

Arrays = Mapping[str, npt.NDArray[Any]]


class Runner:
    """One TensorFlow session over one graph; a context manager that closes it."""

    def __init__(self, graph: tf.Graph) -> None:
        self.graph = graph
        self.session = tf.compat.v1.Session(graph=graph, config=_config())

    @classmethod
    def of(
        cls, graph: GraphDef, initialization: tuple[str, ...], assets: Mapping[str, Path]
    ) -> Runner:
        """A session over a GraphDef, its tables filled from ``assets`` (tensor → file)."""
        imported = tf.Graph()
        with imported.as_default():
            tf.graph_util.import_graph_def(graph, name="")
        runner = cls(imported)
        runner.initialize(initialization, assets)
        return runner

    def initialize(self, operations: tuple[str, ...], assets: Mapping[str, Path]) -> None:
        """Run ``operations`` once, the tensors in ``assets`` fed their files' paths."""
        if operations:
            paths = {tensor: str(path) for tensor, path in assets.items()}
            self.session.run([self.graph.get_operation_by_name(n) for n in operations], paths)

    def run(self, signature: Signature, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name for inputs by name. Raises tf.errors.OpError and ValueError."""
        feeds = {tensor.tensor: inputs[tensor.name] for tensor in signature.inputs}
        fetches = {tensor.name: tensor.tensor for tensor in signature.outputs}
        outputs = self.session.run(fetches, feeds)
        return {name: np.asarray(value) for name, value in outputs.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()


def reason(error: Exception) -> str:
    """The one line of TensorFlow's error that says what is wrong, without the stack around it."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    _, found, rest = text.rpartition("\nNode: ")
    lines = [line.strip() for line in (rest if found else text).splitlines()]
    lines = [line for line in lines[bool(found) :] if line and line != "Graph execution error:"]
    return _NODE.sub("", lines[0]) if lines else type(error).__name__


def _config() -> Any:
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=1,
        device_count={"GPU": 0},
    )
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config
