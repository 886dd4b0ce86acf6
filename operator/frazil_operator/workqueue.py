"""Which model is looked at next: one at a time each, coalesced, failures with growing pauses."""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from frazil_operator import metrics
from frazil_operator.observed import Key

Work = Callable[[Key], Awaitable[float | None]]

FIRST_RETRY: Final = 0.1  # seconds
LAST_RETRY: Final = 60.0
_log = logging.getLogger(__name__)


class Schedule:
    """When each key is due; time is an argument, in seconds of any clock that never goes back."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []  # what is outdated is dropped when it comes up
        self._taken: set[Key] = set()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, at: float) -> None:
        """Make the key due then, or earlier where it already was."""
        if at >= self._due.get(key, float("inf")):
            return
        self._due[key] = at
        if key not in self._taken:
            heapq.heappush(self._heap, (at, key))

    def take(self, now: float) -> Key | None:
        """The key that has been due longest, None where none is; it is not given again until
        ``done``."""
        wait = self.wait(now)
        if wait is None or wait > 0:
            return None
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        self._taken.add(key)
        return key

    def wait(self, now: float) -> float | None:
        """Seconds until a key is due; None where nothing is to come."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return max(0.0, self._heap[0][0] - now) if self._heap else None

    def done(self, key: Key) -> None:
        """The key may be given again: at once where it was added meanwhile."""
        self._taken.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))


def retry_after(failures: int, chance: float) -> float:
    """Seconds to pause after so many failures in a row; ``chance`` in [0, 1) spreads them."""
    pause = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
    return pause * (0.5 + 0.5 * chance)


class WorkQueue:
    """The schedule on the event loop's clock, and the workers that follow it."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._schedule = Schedule()
        self._failures: dict[Key, int] = {}
        self._news = asyncio.Event()
        self._chance = chance

    def add(self, key: Key, after: float = 0.0) -> None:
        """Have the key looked at, ``after`` seconds from now."""
        self._schedule.add(key, _now() + after)
        self._news.set()
        metrics.QUEUE_DEPTH.set(len(self._schedule))

    async def run(self, work: Work, workers: int = 8) -> None:
        """Give each key that is due to ``work``, for ever; its result is when to come again."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker(work))

    async def _worker(self, work: Work) -> None:
        while True:
            key = await self._take()
            try:
                after = await self._attempt(work, key)
            finally:
                self._schedule.done(key)
            if after is not None:
                self.add(key, after)
            await asyncio.sleep(0)  # a look that finds nothing to do never waits: others must run

    async def _attempt(self, work: Work, key: Key) -> float | None:
        with metrics.RECONCILE_SECONDS.time():
            try:
                after = await work(key)
            except Exception as error:  # whatever it is, the other models must go on
                return self._failed(key, error)
        self._failures.pop(key, None)
        metrics.RECONCILES.labels(result="success").inc()
        return after

    def _failed(self, key: Key, error: Exception) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = retry_after(failures, self._chance())
        metrics.RECONCILES.labels(result="error").inc()
        reason = f"{type(error).__name__}: {error}"
        _log.warning("%s/%s: %s; again in %.1f s", *key, reason, pause)
        _log.debug("%s/%s", *key, exc_info=error)
        return pause

    async def _take(self) -> Key:
        while True:
            key = self._schedule.take(_now())
            metrics.QUEUE_DEPTH.set(len(self._schedule))
            if key is not None:
                return key
            self._news.clear()
            try:
                async with asyncio.timeout(self._schedule.wait(_now())):
                    await self._news.wait()
            except TimeoutError:
                continue


def _now() -> float:
    return asyncio.get_running_loop().time()
