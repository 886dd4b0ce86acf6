"""What waits for a slot: the rows of jobs, as pieces, and which of them make the next run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from frazil_runtime import batcher
from frazil_runtime.jobs import Job, Part, Piece, Run
from frazil_runtime.scheduler import Scheduler


class Line:
    """Puts pieces of jobs into the scheduler, and takes them out again as runs.

    ``delay`` is how many seconds a piece may wait for company though there is a slot; ``wake`` is
    told in how many its time is over.
    """

    def __init__(
        self,
        scheduler: Scheduler[Piece],
        delay: float,
        clock: Callable[[], float],
        wake: Callable[[float], object],
    ) -> None:
        self.quick = 0  # pieces that need no slot
        self._scheduler = scheduler
        self._delay = delay
        self._clock = clock
        self._wake = wake
        self._wake_at = 0.0
        self._groups = 0

    def piece(self, job: Job, start: int, rows: int, group: Hashable = None) -> Piece:
        """Rows of a job, to be put in line; without a group they may meet whoever is alike."""
        if group is None:
            self._groups += 1
            group = job.kind if job.batchable else self._groups
        cost, size = job.cost.expected(rows), job.cost.size(rows)
        piece = Piece(group, rows, cost, job.arrived, size, job.priority, job=job, start=start)
        job.pieces.add(piece)
        self.quick += job.quick
        return piece

    def put_back(self, parts: Iterable[Part], *, again: bool, alone: bool = False) -> None:
        """Put rows back in line; those that have failed may meet nobody but each other."""
        self._groups += 1
        number = self._groups
        for part in parts:
            job = part.job
            if job.done is not None:
                group = (number, job.kind) if again else None
                piece = self.piece(job, part.start, part.rows, group)
                piece.again, piece.alone = again, alone
                self._scheduler.add(piece)

    def forget(self, job: Job) -> None:
        """Take out whatever of it waits."""
        for piece in job.pieces:
            self.quick -= job.quick
            if piece.waiting:
                self._scheduler.remove(piece)
        job.pieces.clear()

    def first(self, idle: int, *, exhausted: bool) -> Piece | None:
        """The first that may start, with so many ``idle`` slots. What is run again comes last while
        its share of session time is ``exhausted``."""
        if not (idle or self.quick):
            return None
        last: Piece | None = None
        for piece in self._scheduler:
            if not self._may_start(piece, idle):
                continue
            if not (piece.again and exhausted):
                return piece
            last = last or piece
        return last

    def form(self, first: Piece) -> Run:
        """Take the rows of the next run out of the line."""
        job = first.job
        if job.batchable and not first.alone:
            formed = batcher.form(self._scheduler.together(first.group), job.cost.best)
        else:
            formed = [(first, first.rows)]
        parts = [Part(piece.job, piece.start, rows) for piece, rows in formed]
        rows, now = sum([part.rows for part in parts]), self._clock()
        work = self._scheduler.work
        for piece, taken in formed:
            self._take(piece, taken, now)
        session, expected = job.hosted.session, job.cost.expected(rows)
        run = Run(job.hosted, job.signature, session, parts, rows, job.cost, expected, now)
        run.again, run.waited = first.again, work - self._scheduler.work
        return run

    def _take(self, piece: Piece, rows: int, now: float) -> None:
        job = piece.job
        if not job.started:
            job.begin(now)
        left = piece.rows - rows
        if left:
            piece.start += rows
            cost = job.cost.expected(left)
            self._scheduler.retake(piece, left, cost, job.cost.size(left))
        else:
            self._scheduler.remove(piece)
            job.pieces.discard(piece)
            self.quick -= job.quick

    def _may_start(self, piece: Piece, idle: int) -> bool:
        if piece.job.hosted.suspended or not (idle or piece.job.quick):
            return False
        return not self._delay or not self._waits_for_company(piece)

    def _waits_for_company(self, piece: Piece) -> bool:
        if not piece.job.batchable or piece.again:
            return False
        together = list(self._scheduler.together(piece.group))
        due, now = min(each.arrived for each in together) + self._delay, self._clock()
        if now >= due or sum(each.rows for each in together) >= piece.job.cost.best:
            return False
        if not now < self._wake_at <= due:
            self._wake_at = due
            self._wake(due - now)
        return True
