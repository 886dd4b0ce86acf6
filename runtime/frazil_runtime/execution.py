"""Runs where they take their time, on a thread or in place: measured, and ended if need be."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from frazil_runtime.jobs import Array, Hosted, Outcome, Run
from frazil_runtime.logs import log
from frazil_runtime.workers import Watchdog

# After so long, and so many times what was expected, a run is taken for one that never ends.
ENDLESS_SECONDS: Final = 10.0
ENDLESS_TIMES: Final = 20.0


class Execution:
    """Executes runs. One that does not end is ended with its session, on the watchdog's thread.

    ``resume`` is called on the event loop once the model has another session.
    """

    def __init__(
        self,
        endless_seconds: float,
        clock: Callable[[], float],
        resume: Callable[[Hosted], object],
    ) -> None:
        self._endless, self._clock, self._resume = endless_seconds, clock, resume
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog()

    def execute(self, run: Run) -> Outcome:
        """Run it, on any thread. Whatever goes wrong is in the outcome."""
        limit = self._endless + ENDLESS_TIMES * run.expected
        wall, cpu = self._clock(), time.thread_time()
        result: list[Array] | Exception
        try:
            pieces = [part.job.part(part.start, part.rows) for part in run.parts]
            token = self._watchdog.watch(limit, lambda: self._end(run))
            try:
                result = run.session.run_together(run.signature, pieces)
            finally:
                self._watchdog.forget(token)
        except Exception as error:  # a bug of ours, too: those who wait must hear of it
            result = error.with_traceback(None)  # which leads here, and so to itself: a cycle
        return Outcome(result, self._clock() - wall, time.thread_time() - cpu)

    def close(self) -> None:
        """End no more runs."""
        self._watchdog.close()

    def _end(self, run: Run) -> None:
        hosted = run.hosted
        run.overdue = hosted.suspended = True
        log.error("a run of %s does not end: its session is closed and made anew", hosted.name)
        try:
            run.session.close()
            hosted.session = hosted.make()
        except Exception:
            log.exception("%s could not be made anew", hosted.name)
            os._exit(1)  # another process can: the one that starts this one will see to it
        self._loop.call_soon_threadsafe(self._resume, hosted)
