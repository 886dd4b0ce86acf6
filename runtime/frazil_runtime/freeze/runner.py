"""Runs a graph as the serving runtime will: one thread, Grappler off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.graphdef import has_loops
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Signature

_NODE = re.compile(r"\{\{.*?\}\} ?")  # says which function a node is of

_ADVICE = (
    ". Give real inputs in `checkpoint.samples`, or bound the loop with maximum_iterations and "
    "export the model again"
)

Arrays = Mapping[str, npt.NDArray[Any]]


class StuckError(FreezeError):
    """A run that did not end. It is no refusal: no clock may decide what a model accepts."""


class Runner:
    """One TensorFlow session over one graph; a context manager that closes it.

    A run that takes longer than ``seconds`` never ends, as far as anybody can wait: StuckError.
    """

    seconds: ClassVar[int] = 300

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
            named = [self.graph.get_operation_by_name(name) for name in operations]
            self.fetch(named, paths, f"the initialisation ({', '.join(operations)})")

    def run(self, signature: Signature, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name for inputs by name. Raises tf.errors.OpError, ValueError, StuckError."""
        feeds = {tensor.tensor: inputs[tensor.name] for tensor in signature.inputs}
        fetches = {tensor.name: tensor.tensor for tensor in signature.outputs}
        outputs = self.serve(signature, fetches, feeds)
        return {name: np.asarray(value) for name, value in outputs.items()}

    def serve(self, signature: Signature, fetches: Any, feeds: Mapping[str, Any]) -> Any:
        """What ``session.run`` returns for feeds of a signature. Raises as ``run``."""
        outputs = ", ".join(tensor.name for tensor in signature.outputs)
        return self.fetch(fetches, feeds, f"the run of the outputs {outputs}", _ADVICE)

    def fetch(self, fetches: Any, feeds: Mapping[str, Any], what: str, advice: str = "") -> Any:
        """What ``session.run`` returns; ``what`` is the run's name where it does not end."""
        options = tf.compat.v1.RunOptions(timeout_in_ms=1000 * self.seconds)
        try:
            return self.session.run(fetches, feeds, options)
        except tf.errors.DeadlineExceededError as error:
            raise StuckError(
                Exit.PROOF_FAILED,
                f"{what} did not end within {self.seconds} seconds: {self._cause()}{advice}",
            ) from error

    def _cause(self) -> str:
        if has_loops(self.graph.as_graph_def()):
            return "a loop in the model goes on for ever"
        return "the model waits for something that nothing gives"

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
