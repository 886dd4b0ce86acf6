"""Requests in, runs out: what waits is run as soon as there is a slot, and given back.

All of it happens on the event loop, but for the runs themselves.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from frazil_runtime import batcher
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.costs import Costs, Kind
from frazil_runtime.delivery import Delivery
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.execution import ENDLESS_SECONDS, Execution
from frazil_runtime.jobs import Hosted, Job, Outcome, Part, Piece, Result, Run
from frazil_runtime.line import Line
from frazil_runtime.meter import Meter
from frazil_runtime.pace import Pace
from frazil_runtime.scheduler import Rules, Scheduler
from frazil_runtime.workers import Workers

TURN_SECONDS: Final = 500e-6  # of runs in place, before the event loop looks at its sockets again
FEW: Final = 16  # jobs too many for a turn that need not line up for the next
LONE_SECONDS: Final = 5e-3  # of a run in place, where nobody else is there
AGAIN: Final = 0.1  # share of session time that running failed rows again may take


class Dispatcher:
    """One line for all models of the process, and the slots that serve it."""

    def __init__(
        self,
        slots: int,
        batching: Batching,
        *,
        endless_seconds: float = ENDLESS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.costs = Costs(batching.max_batch_size)
        self.pace = Pace(slots)
        self.scheduler: Scheduler[Piece] = Scheduler(Rules(), self.pace.rate)
        self.in_flight = 0  # jobs taken and not yet ended
        self.refused = 0
        self.meter = Meter(clock)
        self._workers = Workers(slots)
        self._execution = Execution(endless_seconds, clock, self._resume)
        self._execute = self._execution.execute
        self._delay = batching.max_delay_milliseconds / 1000
        self._line = Line(self.scheduler, self._delay, clock, self._schedule_in)
        self._delivery = Delivery(self._end, self._line.put_back, clock)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._turn_due = False
        self._runs: set[Run] = set()
        self._fresh: list[Job] = []  # that wait in no line, but for this turn
        self._seconds = 0.0  # of session time so far,
        self._seconds_again = 0.0  # and of what was run again

    @property
    def running(self) -> float:
        """Seconds of session time that the runs under way are expected to take yet."""
        if not self._runs:
            return 0.0
        now = self._clock()
        return sum([max(0.0, run.started + run.expected - now) for run in self._runs])

    def apply(self, policy: Policy) -> None:
        """Follow another policy; what waits already keeps its place."""
        rules = self.scheduler.rules
        rules.smallest_first = policy.order == "SmallestFirst"
        rules.aging_seconds = policy.aging_seconds
        rules.max_wait_seconds = policy.max_wait_seconds

    def submit(self, job: Job) -> None:
        """Put a job in line; whoever has to leave for it, itself perhaps, is refused."""
        job.arrived, job.left = self._clock(), job.rows
        alone = job.lone and not self.in_flight
        quick = job.cost.quick or (alone and job.cost.ends_within(LONE_SECONDS, job.rows))
        job.quick = quick and not job.hosted.manifest.loops
        self.in_flight += 1
        self.meter.came(job.arrived, job.cost.expected(job.rows))
        if not (job.quick and self._needs_no_line(job)):
            self._line_up(job)
            self._schedule()
            return
        self._fresh.append(job)
        if alone:
            self._turn()
        else:
            self._schedule()

    def _needs_no_line(self, job: Job) -> bool:
        """It is run at once, in this turn: a full batch, or one row with those that come in it."""
        waits = self.scheduler or self._delay or job.hosted.suspended
        return job.rows in (1, job.cost.best) and job.batchable and not waits

    def _line_up(self, job: Job) -> None:
        if not self.scheduler:
            self.pace.begin(job.arrived)
            self.scheduler.rate = self.pace.rate
        piece = self._line.piece(job, 0, job.rows)
        for leaving in self.scheduler.admit(piece, self.running):
            if leaving is piece:
                self._end(job, self.refusal())
            else:
                # Not from here: its connection's next request would be put in line at once, and
                # push out the next, and so on, for as long as there is a stack.
                self._loop.call_soon(self._end, leaving.job, self.refusal())

    def abandon(self, job: Job) -> None:
        """Nobody waits for it any more; a run that has begun ends by itself."""
        if job.done is not None:
            self._forget(job)

    def refusal(self) -> InferenceError:
        """What one more that is refused is told.

        The advice is spread, or all would come back at once.
        """
        self.refused += 1
        wait = self.scheduler.wait(self.running)
        return InferenceError(
            Code.RESOURCE_EXHAUSTED,
            f"{len(self.scheduler)} requests wait {wait:.1f} s already: try again later",
            retry_after=max(1.0, wait) * random.uniform(1.0, 2.0),  # noqa: S311 - no secret
        )

    def would_refuse(self, hosted: Hosted, coming: int) -> bool:
        """Whether the least request of this model would be refused now, after so many that are
        coming in already; one that is has come all the same, as far as the demand goes."""
        if not self.scheduler:
            return False
        cost, size = self.costs.least(hosted.name, hosted.manifest.default_signature)
        # Of those who are coming no more are counted on than wait: they may take their time.
        ahead = self.running + min(coming, len(self.scheduler)) * cost
        now = self._clock()
        refused = self.scheduler.would_refuse(now, size, ahead)
        if refused:
            self.meter.came(now, cost)
        return refused

    def needs_no_run(self, kind: Kind, rows: int) -> None:
        """A request has come that is answered without one of its own."""
        self.meter.saved.add(self._clock(), self.costs.of(kind).expected(rows))

    def close(self) -> None:
        """Finish what has begun, start nothing more."""
        for job in (*self._fresh, *(piece.job for piece in list(self.scheduler))):
            self._end(job, InferenceError(Code.UNAVAILABLE, "the server stops"))
        self._workers.close()
        self._execution.close()

    # A turn: start all that can start now.

    def _schedule(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def _schedule_in(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._schedule)

    def _turn(self) -> None:
        self._turn_due = False
        end = self._clock() + TURN_SECONDS
        if self._fresh:
            self._run_fresh(end)
            if self._turn_due:
                return
        while True:
            exhausted = self._seconds_again > AGAIN * self._seconds
            piece = self._line.first(self._workers.idle, exhausted=exhausted)
            if piece is None:
                if self.scheduler:
                    self.meter.wake()
                return
            run = self._line.form(piece)
            self._runs.add(run)
            if not piece.job.quick:
                self._workers.submit(partial(self._execute, run), partial(self._landed, run))
                continue
            self._finish(run, self._execute(run))
            if self._clock() >= end:
                self._schedule()
                return

    def _run_fresh(self, end: float) -> None:
        """Run what needs no line; of what is too much for one turn, a few may wait for the next
        one, and many line up after all."""
        jobs, self._fresh = self._fresh, []
        alike: dict[tuple[Kind, int], list[Job]] = {}
        for job in jobs:
            if job.done is not None:
                alike.setdefault((job.kind, job.rows), []).append(job)
        for (_, rows), waiting in alike.items():
            while waiting and self._clock() < end:
                count = 1 if rows > 1 else batcher.whole(len(waiting), waiting[0].cost.best)
                self._run_whole(waiting[:count])
                del waiting[:count]
        left = [job for waiting in alike.values() for job in waiting]
        if not self.scheduler and len(left) <= FEW:
            self._fresh += left
        else:
            for job in left:
                self._line_up(job)
        if left:
            self._schedule()

    def _run_whole(self, jobs: list[Job]) -> None:
        now, first = self._clock(), jobs[0]
        for job in jobs:
            job.begin(now)
        parts = [Part(job, 0, job.rows) for job in jobs]
        hosted, rows = first.hosted, first.rows * len(jobs)
        run = Run(
            *(hosted, first.signature, hosted.session, parts, rows, first.cost),
            *(first.cost.expected(rows), now),
        )
        self._finish(run, self._execute(run))

    # The end of a run.

    def _landed(self, run: Run, outcome: Outcome) -> None:
        self._finish(run, outcome)
        self._schedule()

    def _finish(self, run: Run, outcome: Outcome) -> None:
        self._runs.discard(run)
        if self.scheduler:
            self.pace.work_off(self._clock(), run.waited)
            self.scheduler.rate = self.pace.rate
        self._seconds += outcome.wall
        if run.again:
            self._seconds_again += outcome.wall
        if isinstance(outcome.result, Exception):
            self._delivery.fail(run, outcome.result, outcome.wall)
            return
        run.cost.observe(run.rows, outcome.wall, outcome.cpu)
        run.hosted.statistics.ran(run.rows, outcome.wall)
        self._delivery.give(run, outcome.result)

    def _resume(self, hosted: Hosted) -> None:
        hosted.suspended = False
        self._schedule()

    # Jobs.

    def _end(self, job: Job, result: Result) -> None:
        done = job.done
        if done is not None:
            self._forget(job)
            done(result)

    def _forget(self, job: Job) -> None:
        job.done = None
        self.in_flight -= 1
        if job.pieces:
            self._line.forget(job)
