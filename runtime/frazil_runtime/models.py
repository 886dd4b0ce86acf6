"""The models of this process, as the transports see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.requests import InferRequest, InferResponse
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


@dataclass(frozen=True, slots=True)
class Served:
    """One model, who answers for it, and what it has done so far."""

    info: ModelInfo
    engine: Infers
    statistics: Statistics = field(default_factory=Statistics)


Models = Mapping[str, Served]  # by the name clients use
