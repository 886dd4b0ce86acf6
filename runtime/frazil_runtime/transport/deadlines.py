"""A deadline that is moved with every request, and hardly ever comes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls what it was last set to, once, when its time has come.

    Moving it further away costs a comparison: its timer looks again when it fires.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = math.inf
        self._then: Callable[[], object] = self.clear
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, then: Callable[[], object]) -> None:
        """Call ``then`` in so many seconds, and nothing that it was set to before."""
        self._due, self._then = self._loop.time() + seconds, then
        if self._timer is None or self._due < self._timer.when():
            self.cancel()
            self._timer = self._loop.call_at(self._due, self._fire)

    def clear(self) -> None:
        """Call nothing."""
        self._due = math.inf

    def cancel(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        if self._due == math.inf:
            return
        left = self._due - self._loop.time()
        if left > 0:
            self.set(left, self._then)
        else:
            self._due = math.inf
            self._then()
