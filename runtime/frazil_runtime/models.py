"""The models of this process, as the transports see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from frazil_runtime.accuracy.verdicts import Verdict
from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.requests import Body, InferRequest, InferResponse
from frazil_runtime.statistics import Statistics


class Infers(Protocol):
    """What a transport needs of an engine."""

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run one request, or raise InferenceError."""

    def start(
        self, request: InferRequest, done: Callable[[InferResponse | InferenceError], object]
    ) -> Callable[[], object] | None:
        """``infer`` without a task: ``done`` gets the result, perhaps before this returns.

        Returns what is to be called where nobody waits for the result any more; None where the
        request cannot be had so, and nothing has been done. InferenceError where it is wrong.
        """


class Scores(Protocol):
    """What a transport needs of who measures accuracy."""

    def check_sender(self, authorization: str) -> None:
        """InferenceError where an Authorization header is not that of who may send feedback."""

    def take(self, body: Body) -> Verdict:
        """Score feedback; InferenceError says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Served:
    """One model, who answers for it, and what it has done so far.

    ``feedback`` takes the labels of its predictions; None where nobody does.
    """

    info: ModelInfo
    engine: Infers
    statistics: Statistics = field(default_factory=Statistics)
    feedback: Scores | None = None


Models = Mapping[str, Served]  # by the name clients use
