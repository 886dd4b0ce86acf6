"""What becomes of a run: each request gets its rows, its error, or another try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from frazil_runtime import batcher
from frazil_runtime.blame import Blame, blame, endless, kind, told
from frazil_runtime.jobs import Array, Job, Part, Result, Run
from frazil_runtime.logs import log
from frazil_runtime.repeats import Repeats


class Again(Protocol):
    """Puts rows back in line."""

    def __call__(self, parts: Sequence[Part], *, again: bool, alone: bool = False) -> None:
        """``again``: they have failed, and may meet nobody but each other; ``alone``: nobody."""


class Delivery:
    """Gives jobs their results with ``end``, and puts some rows of them back with ``again``."""

    def __init__(
        self, end: Callable[[Job, Result], object], again: Again, clock: Callable[[], float]
    ) -> None:
        self._end, self._again, self._clock = end, again, clock
        self._failures = Repeats()

    def give(self, run: Run, outputs: list[Array]) -> None:
        """Give each job its rows; one that has them all is done."""
        first = run.parts[0]
        if first.rows == first.job.rows == run.rows:
            self._end(first.job, outputs)
            return
        try:
            found = batcher.split(outputs, [part.rows for part in run.parts])
        except batcher.RowsError as error:
            self.fail(run, error, 0.0)
            return
        for part, rows in zip(run.parts, found, strict=True):
            job = part.job
            if part.rows == job.rows:
                self._end(job, rows)
            else:
                self._collect(job, part, rows)

    def fail(self, run: Run, error: Exception, seconds: float) -> None:
        """Blame somebody; the others, and who may be innocent, get another try."""
        found = blame(run, error)
        if found is Blame.ENDLESS:
            for part in run.parts:
                if len(run.parts) == 1:
                    self._end(part.job, endless(seconds))
                else:
                    self._again([part], again=True, alone=True)
        elif found is Blame.NOBODY:
            self._again(run.parts, again=False)
        elif found is Blame.ONE:
            middle = len(run.parts) // 2
            self._again(run.parts[:middle], again=True)
            self._again(run.parts[middle:], again=True)
        else:
            self._log(f"a run of {run.hosted.name} failed: {kind(error)}")
            for part in run.parts:
                self._end(part.job, told(error))

    def _log(self, line: str) -> None:
        """Clients can make a model fail as often as they ask: that must not fill the log."""
        untold = self._failures.count(line, self._clock())
        if untold is not None:
            more = f", and {untold} times more since this was last told" if untold else ""
            log.warning("%s%s", line, more)

    def _collect(self, job: Job, part: Part, rows: list[Array]) -> None:
        """Some rows of a job that is run in several parts."""
        job.results[part.start] = rows
        job.left -= part.rows
        if job.left:
            return
        try:
            self._end(job, batcher.join([job.results[at] for at in sorted(job.results)]))
        except batcher.RowsError as error:
            self._end(job, told(error))
