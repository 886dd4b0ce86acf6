"""What one model has done since the process began: the Triton statistics extension's numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Span:
    """How often something was done and how many seconds it took together."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """One more, or several at once."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class Compute:
    """The parts of a run: inputs copied in, the graph, outputs copied out."""

    input: Span = field(default_factory=Span)
    infer: Span = field(default_factory=Span)
    output: Span = field(default_factory=Span)


@dataclass(slots=True)
class Statistics:
    """Counters of one model; the engine writes them, the transports read them.

    ``rows`` were inferred in ``runs`` runs; ``requests`` of them succeeded, ``failed`` did not,
    each with its seconds from the engine's taking it to its answer. ``queue`` is the wait of each
    request, ``batches`` the runs by their number of rows. ``last`` is when the last run ended, in
    seconds since the epoch.
    """

    rows: int = 0
    runs: int = 0
    last: float = 0.0
    requests: Span = field(default_factory=Span)
    failed: Span = field(default_factory=Span)
    queue: Span = field(default_factory=Span)
    compute: Compute = field(default_factory=Compute)
    hits: Span = field(default_factory=Span)
    misses: Span = field(default_factory=Span)
    batches: dict[int, Compute] = field(default_factory=dict)

    def ran(self, rows: int, seconds: float) -> None:
        """One run more."""
        self.rows += rows
        self.runs += 1
        self.last = time.time()
        self.compute.infer.add(seconds)
        self.batches.setdefault(rows, Compute()).infer.add(seconds)
