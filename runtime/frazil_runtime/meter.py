"""Keeps account of what comes, for whoever watches the load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from frazil_runtime.demand import Demand


class Meter:
    """What came, in session seconds of ``clock``'s time, and whether something had to wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.demand = Demand()  # of all that came, the refused ones included
        self.squares = Demand()  # of the same, the squares
        self.saved = Demand()  # of what the output cache answered, or a run under way
        self._news = asyncio.Event()
        self.wake = self._news.set  # something has to wait, or nobody need watch any more

    def came(self, now: float, seconds: float) -> None:
        """A request came that is expected to take so long."""
        self.demand.add(now, seconds)
        self.squares.add(now, seconds * seconds)

    async def until_something_waits(self, seconds: float) -> None:
        """Wait until something has had to since this returned last, so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
