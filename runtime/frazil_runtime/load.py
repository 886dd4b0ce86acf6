"""What a pod says of its load: how much has come, how much waits, how much it can do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from frazil_runtime.accuracy.ledger import Ledger
from frazil_runtime.accuracy.verdicts import Outcome
from frazil_runtime.contract.load import LONG_SECONDS, SHORT_SECONDS, Load
from frazil_runtime.engine import Engine
from frazil_runtime.histogram import quantile
from frazil_runtime.metrics import BUCKETS, Metrics
from frazil_runtime.recent import Recent


class LoadReader:
    """Reads off what all models of the process have to do; ``ledgers`` are their accuracies'."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.ledgers: list[Ledger] = []
        self._engine = engine
        self._metrics = metrics
        self._recent = Recent(engine.dispatcher.meter.clock(), self._counts())

    def now(self) -> Load:
        """The load, and that of the last minute."""
        dispatcher, counts = self._engine.dispatcher, self._counts()
        scheduler, running, meter = dispatcher.scheduler, dispatcher.running, dispatcher.meter
        queued, now = len(scheduler), meter.clock()
        requests, hits, latency = self._lately(now, counts)
        return Load(
            queued=queued,
            running=max(0, dispatcher.in_flight - queued),
            queued_seconds=scheduler.work + running,
            wait_seconds=scheduler.wait(running) if queued else 0.0,
            demand_short=meter.demand.rate(now, SHORT_SECONDS),
            demand_long=meter.demand.rate(now, LONG_SECONDS),
            saved_long=meter.saved.rate(now, LONG_SECONDS),
            slots=self._engine.slots,
            capacity=dispatcher.pace.capacity,
            requests=counts[0],
            hits=counts[1],
            feedback=sum(ledger.outcomes[Outcome.SCORED] for ledger in self.ledgers),
            policy=self._engine.policy.number,
            requests_per_second=requests,
            hits_per_second=hits,
            latency_p99=latency,
            # The variance of a sum of so many costs, where that many came by chance (Campbell).
            variance_short=meter.squares.rate(now, SHORT_SECONDS) / SHORT_SECONDS,
        )

    async def soon(self, seconds: float) -> Load:
        """The load once a request has had to wait since this was asked last, or after ``seconds``:
        so that a quiet pod is watched at no cost, and a crowd is seen at once."""
        await self._engine.dispatcher.meter.until_something_waits(seconds)
        return self.now()

    def keep(self) -> None:
        """Remember what has been counted until now, for the figures of the last minute."""
        self._recent.keep(self._engine.dispatcher.meter.clock(), self._counts())

    async def keep_on(self) -> None:
        """Remember it for ever, as often as is needed: no request does anything for it."""
        while True:
            await asyncio.sleep(SHORT_SECONDS)
            self.keep()

    def _lately(self, now: float, counts: Sequence[int]) -> tuple[float, float, float]:
        """Requests and hits a second, and in how many seconds 99 % were answered."""
        seconds, (requests, hits, *_) = self._recent.since(now, counts, SHORT_SECONDS)
        _, (_, _, *durations) = self._recent.since(now, counts, LONG_SECONDS)
        latency = quantile(0.99, BUCKETS, durations)
        return (requests / seconds, hits / seconds, latency) if seconds else (0.0, 0.0, latency)

    def _counts(self) -> list[int]:
        """Requests, hits, and how many answers took how long."""
        done = self._engine.statistics.values()
        requests = sum(each.requests.count for each in done)
        hits = sum(each.hits.count for each in done)
        return [requests, hits, *self._metrics.durations()]
