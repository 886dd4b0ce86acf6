"""Load on one model: some connections, each of which takes the next request that is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from frazil_runtime.client.arrivals import at_once, count_until, poisson
from frazil_runtime.client.connection import Asker
from frazil_runtime.client.remote import Server
from frazil_runtime.client.samples import NO_ANSWER, Samples

# Timers count in milliseconds. A request that is due within the next one is sent at once: to be a
# little early changes no load, to be late would count as the server's latency.
_TICK: Final = 0.001
_GRACE: Final = 5.0  # seconds for what is in flight at the end
_PAUSE: Final = 0.05  # seconds after a broken connection: no server is helped by haste


@dataclass(frozen=True, slots=True)
class Plan:
    """``requests`` come without end. ``rate`` is in requests a second, an open loop; None is a
    closed one. ``seed`` is that of the instants at which they are due."""

    server: Server
    requests: Iterator[bytes]
    connections: int
    seconds: float
    rate: float | None
    seed: int = 0


@dataclass(slots=True)
class Load:
    """A load and what it measured so far. Times are seconds from its begin.

    ``unsent`` counts what was due and found no free connection, ``unanswered`` what was in flight
    when the patience ended.
    """

    plan: Plan
    samples: Samples = field(default_factory=Samples)
    began: float = 0.0
    cpu_began: float = 0.0
    ended: float | None = None
    unsent: int = 0
    unanswered: int = 0
    _in_flight: int = 0

    def now(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.began

    @property
    def seconds(self) -> float:
        """How long it has lasted; the wait for the last answers is no part of it."""
        return min(self.now() if self.ended is None else self.ended, self.plan.seconds)

    @property
    def busy(self) -> float:
        """The share of one core that this process has used."""
        elapsed = self.now() if self.ended is None else self.ended
        return (time.process_time() - self.cpu_began) / max(elapsed, 1e-9)

    async def run(self) -> None:
        """Until all is sent and answered, or the patience ends. Cancelling it keeps the samples."""
        self.began, self.cpu_began = time.perf_counter(), time.process_time()
        arrivals, requests = self._arrivals(), self.plan.requests
        askers = [Asker(self.plan.server) for _ in range(self.plan.connections)]
        work = [asyncio.create_task(self._ask(a, arrivals, requests)) for a in askers]
        try:
            ended, _ = await asyncio.wait(work, timeout=self.plan.seconds + _GRACE)
            for task in ended:
                task.result()  # a mistake of this program is no measurement
        finally:
            self.ended = self.now()
            self.unanswered = self._in_flight
            if self.plan.rate:
                self.unsent += count_until(arrivals, self.ended)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            for asker in askers:
                asker.close()

    def _arrivals(self) -> Iterator[float]:
        if self.plan.rate:
            return poisson(self.plan.rate, self.plan.seconds, self.plan.seed)
        return at_once(self.now, self.plan.seconds)

    async def _ask(
        self, asker: Asker, arrivals: Iterator[float], requests: Iterator[bytes]
    ) -> None:
        for due in arrivals:
            await self._until(due)
            sent = self.now()
            if sent >= self.plan.seconds:
                self.unsent += bool(self.plan.rate)
                return
            self._in_flight += 1
            status = await asker.ask(next(requests))
            self._in_flight -= 1
            done = self.now()
            self.samples.add(done, done - min(due, sent), status)
            if status == NO_ANSWER:
                await asyncio.sleep(_PAUSE)

    async def _until(self, due: float) -> None:
        pause = due - self.now() - _TICK
        if pause > 0:
            await asyncio.sleep(pause)


Watch = Callable[[Load], None]


async def watched(load: Load, watch: Watch, interval: float) -> None:
    """Run the load, and show it to ``watch`` every ``interval`` seconds."""
    running = asyncio.create_task(load.run())
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=interval)
            watch(load)
        running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
