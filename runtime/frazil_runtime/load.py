"""What a pod says of its load: how much has come, how much waits, how much it can do."""

from __future__ import annotations

from frazil_runtime.contract.load import LONG_SECONDS, SHORT_SECONDS, Load
from frazil_runtime.engine import Engine


class LoadReader:
    """Reads off what all models of the process have to do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> Load:
        """The load, and that of the last minute."""
        dispatcher, done = self._engine.dispatcher, self._engine.statistics.values()
        scheduler, running, meter = dispatcher.scheduler, dispatcher.running, dispatcher.meter
        queued, now = len(scheduler), meter.clock()
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
            requests=sum(each.requests.count for each in done),
            hits=sum(each.hits.count for each in done),
            # The variance of a sum of so many costs, where that many came by chance (Campbell).
            variance_short=meter.squares.rate(now, SHORT_SECONDS) / SHORT_SECONDS,
        )

    async def soon(self, seconds: float) -> Load:
        """The load once a request has had to wait since this was asked last, or after ``seconds``:
        so that a quiet pod is watched at no cost, and a crowd is seen at once."""
        await self._engine.dispatcher.meter.until_something_waits(seconds)
        return self.now()
