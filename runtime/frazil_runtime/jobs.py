"""What is on its way through the engine: requests as jobs, their rows in line, their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from frazil_runtime.costs import Cost, Kind
from frazil_runtime.errors import InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.scheduler import Item
from frazil_runtime.statistics import Statistics

Array = npt.NDArray[Any]
Result = list[Array] | InferenceError


class Runs(Protocol):
    """What is needed of a session."""

    def run_together(self, signature: str, pieces: Sequence[Sequence[Array]]) -> list[Array]:
        """Run the rows of several requests at once."""

    def close(self) -> None:
        """End what runs, with CANCELLED."""


@dataclass(eq=False)
class Hosted:
    """A model and the session it has now; ``make`` makes another one, where that one hangs."""

    name: str
    manifest: Manifest
    make: Callable[[], Runs]
    statistics: Statistics
    session: Runs = field(init=False)
    suspended: bool = False  # until it has a session again

    def __post_init__(self) -> None:
        self.session = self.make()


@dataclass(slots=True, eq=False)
class Job:
    """One request on its way through.

    ``inputs`` are in feed order; ``rows`` is 1 where they are not rows of a batch, ``kind`` is what
    its cost depends on besides. ``done`` gets the outputs in fetch order, or what went wrong; None:
    nobody waits any more.
    """

    hosted: Hosted
    signature: str
    inputs: list[Array]
    rows: int
    kind: Kind
    batchable: bool
    cost: Cost
    done: Callable[[Result], object] | None
    priority: int = 0
    lone: bool = False  # no other client is there, who would have to wait for it
    quick: bool = False  # it is run in place: its runs end sooner than a thread could begin them
    arrived: float = 0.0
    started: float = 0.0
    left: int = 0  # rows without a result
    results: dict[int, list[Array]] = field(default_factory=dict)  # by first row
    pieces: set[Piece] = field(default_factory=set)  # that wait

    def begin(self, now: float) -> None:
        """The first of its rows are run."""
        self.started = now
        queue = self.hosted.statistics.queue
        queue.count += 1
        queue.seconds += now - self.arrived

    def part(self, start: int, rows: int) -> list[Array]:
        """Some rows of every input, as views."""
        if rows == self.rows:
            return self.inputs
        return [array[start : start + rows] for array in self.inputs]


@dataclass(slots=True, eq=False)
class Piece(Item):
    """The rows of a job from ``start`` on that wait in line. ``again``: they have failed in company
    and are run once more, with those alone that share their group. ``alone``: the run they were in
    did not end, so with nobody."""

    job: Job = field(kw_only=True)
    start: int = 0
    again: bool = False
    alone: bool = False


class Part(NamedTuple):
    """So many rows of a job, from ``start`` on, that a run has taken."""

    job: Job
    start: int
    rows: int


@dataclass(slots=True, eq=False)
class Run:
    """Rows that are run together; times are in seconds."""

    hosted: Hosted
    signature: str
    session: Runs
    parts: list[Part]
    rows: int  # of all parts
    cost: Cost
    expected: float
    started: float
    again: bool = False  # all of them have failed in company
    waited: float = 0.0  # what these rows counted in line, each request by itself
    overdue: bool = False  # it was ended, since it did not end by itself


class Outcome(NamedTuple):
    """What a run came to, and how many seconds it took (``wall``) and computed (``cpu``)."""

    result: list[Array] | Exception
    wall: float
    cpu: float


def kind_of(hosted: Hosted, name: str, inputs: Sequence[Array]) -> tuple[Kind, int]:
    """The shape class of a request, and its rows; 0 where it may not be run with others."""
    rows = _common_rows(inputs) if hosted.manifest.signatures[name].batchable else 0
    shapes = tuple([array.shape[1:] if rows else array.shape for array in inputs])
    return ((hosted.name, name), shapes), rows


def _common_rows(inputs: Sequence[Array]) -> int:
    """How many rows every input has; 0 where they differ, or one has none."""
    if not inputs or not all(array.ndim for array in inputs):
        return 0
    rows = len(inputs[0])
    return rows if all(len(array) == rows for array in inputs) else 0
