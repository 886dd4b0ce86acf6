"""PURE. How much session time the requests of the last minute asked for."""

from __future__ import annotations

from typing import Final

from frazil_runtime.contract.load import LONG_SECONDS

_BUCKETS: Final = LONG_SECONDS + 1  # the second under way, and all that a span may reach into


class Demand:
    """Session seconds of arrivals, kept by whole seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._buckets = [0.0] * _BUCKETS
        self._second = 0

    def add(self, now: float, seconds: float) -> None:
        """A request came that is expected to take so long."""
        second = int(now)
        if second != self._second:
            self._advance(second)
        self._buckets[second % _BUCKETS] += seconds

    def rate(self, now: float, span: int) -> float:
        """Session seconds a second over the last ``span`` seconds, LONG_SECONDS at most.

        Of the oldest second only that part counts which the span reaches back to.
        """
        second = int(now)
        if second != self._second:
            self._advance(second)
        whole = sum(self._buckets[at % _BUCKETS] for at in range(second - span + 1, second + 1))
        oldest = self._buckets[(second - span) % _BUCKETS]
        return (whole + oldest * (1.0 - (now - second))) / span

    def _advance(self, second: int) -> None:
        """Forget what is too old, to the second before this one."""
        for at in range(max(self._second + 1, second - _BUCKETS + 1), second + 1):
            self._buckets[at % _BUCKETS] = 0.0
        self._second = second
