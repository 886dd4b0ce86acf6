"""A session that computes 2x and x², and does what the test says before it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.session import CANCELLED

Array = npt.NDArray[Any]

PAIR = Signature(
    (Tensor("x", "x:0", "int32", (-1,)),),
    (Tensor("double", "a:0", "int32", (-1,)), Tensor("square", "b:0", "int32", (-1,))),
    batchable=True,
    deterministic=True,
)
SINGLE = Signature(PAIR.inputs, PAIR.outputs)
MANIFEST = Manifest({"run": PAIR, "single": SINGLE}, "run", {})


class FakeSession:
    """``seen`` has the first numbers of each run's rows; ``before`` is called with a run's rows."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.before: Callable[[Array], object] = lambda rows: None
        self.closed = threading.Event()

    def run_together(self, signature: str, pieces: Sequence[Sequence[Array]]) -> list[Array]:
        rows = np.concatenate([piece[0] for piece in pieces])
        self.seen.append(rows.tolist())
        self.before(rows)
        return [rows * 2, rows**2]

    def close(self) -> None:
        self.closed.set()

    def hang(self, rows: Array) -> None:
        """As ``before``: a run that only the session's end brings to an end."""
        self.closed.wait()
        raise TensorFlowError(CANCELLED, "the session is closed")
