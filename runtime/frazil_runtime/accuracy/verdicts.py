"""What feedback can come to, and what its sender is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from frazil_runtime.errors import Code, InferenceError


class Outcome(StrEnum):
    """What became of one feedback: the label of a metric."""

    SCORED = "scored"
    REPEATED = "repeated"  # the same input was scored less than a minute ago
    OUTDATED = "outdated"  # the answer was scored by other rules than hold now
    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"
    FUTURE = "future"
    REPLAYED = "replayed"
    MISLABELLED = "mislabelled"
    UNAUTHORIZED = "unauthorized"
    DISABLED = "disabled"


_CODES: Final = {
    Outcome.MALFORMED: Code.INVALID_ARGUMENT,
    Outcome.FORGED: Code.PERMISSION_DENIED,
    Outcome.EXPIRED: Code.OUT_OF_RANGE,
    Outcome.FUTURE: Code.OUT_OF_RANGE,
    Outcome.REPLAYED: Code.ALREADY_EXISTS,
    Outcome.MISLABELLED: Code.INVALID_ARGUMENT,
    Outcome.UNAUTHORIZED: Code.UNAUTHENTICATED,
    Outcome.DISABLED: Code.FAILED_PRECONDITION,
}


class RefusedError(InferenceError):
    """Feedback that is answered with an error; the message goes to its sender."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(_CODES[outcome], message)
        self.outcome = outcome


class Verdict(NamedTuple):
    """Feedback that was taken: so many rows were ``scored``; if none, the ``reason``."""

    scored: int
    reason: str = ""
