"""A model of three classes whose accuracy is measured, on a clock that the test sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime.accuracy.ledger import Ledger
from frazil_runtime.accuracy.verdicts import Verdict
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules
from frazil_runtime.manifest import Manifest, Signature, Tensor

NOW = 1_700_000_040.0  # where a minute begins
SECRET = bytes(range(32))
RULES = AccuracyRules(enabled=True)
SCORES = Signature(
    (Tensor("x", "x:0", "float32", (-1, 3)),),
    (Tensor("scores", "y:0", "float32", (-1, 3)),),
    batchable=True,
    deterministic=True,
)
PAIR = Signature(SCORES.inputs, (*SCORES.outputs, Tensor("sum", "z:0", "float32", (-1,))))
MANIFEST = Manifest({"serving_default": SCORES, "pair": PAIR}, "serving_default", {})


class ScoresSession:
    """Answers with what it is sent: the largest of three numbers is the class."""

    def run_together(
        self, signature: str, pieces: Sequence[Sequence[npt.NDArray[Any]]]
    ) -> list[npt.NDArray[Any]]:
        rows = np.concatenate([piece[0] for piece in pieces])
        return [rows, rows.sum(axis=1)][: len(MANIFEST.signatures[signature].outputs)]

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Clock:
    """Seconds since the epoch, as the test says."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Pod:
    """One process's ledger, and what its clients and its clock do."""

    revision: str = "digits-a"
    model: str = "digits"
    secret: bytes | None = SECRET
    rules: AccuracyRules = RULES
    token_file: Path | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.ledger = Ledger(
            *(self.model, self.revision, lambda: self.secret, self.token_file),
            clock=self.clock,
            steady=self.clock,
        )
        self.ledger.follow(Policy(accuracy=self.rules))

    def predict(self, *classes: int, asked: bytes = b"", signature: Signature = SCORES) -> str:
        """The id of an answer that says these classes of its rows; "" where there is none.

        Unless they were ``asked`` alike, no two have the same inputs.
        """
        scores = np.eye(3, dtype=np.float32)[list(classes)]
        self.asked = getattr(self, "asked", 0) + 1
        inputs = asked or self.asked.to_bytes(8, "big")
        outputs = [scores, scores.sum(axis=1)][: len(signature.outputs)]
        return self.ledger.stamp(signature, outputs, inputs.ljust(32)).id

    def label(self, prediction_id: str, *labels: object, **further: object) -> Verdict:
        """Send feedback."""
        record = {"prediction_id": prediction_id, "labels": labels, **further}
        return self.ledger.take(json.dumps(record).encode())
