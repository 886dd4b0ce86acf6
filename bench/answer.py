"""One request of the load and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

TIMEOUT_SECONDS = 10.0  # after which a client gives a request up


@dataclass(slots=True)
class Answer:
    """One request and what became of it; times are seconds since the epoch.

    ``status`` is HTTP's, and 200 for gRPC's OK; it is 0 where no answer came, or another one over
    gRPC. ``error`` says why.
    """

    mode: str  # new | keepalive | grpc
    row: int
    opened: float  # when the connection it went over was opened
    sent: float
    done: float = 0.0
    status: int = 0
    revision: str = ""
    outputs: list[float] = field(default_factory=list)
    error: str = ""
