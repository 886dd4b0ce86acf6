"""PURE. When a load is news enough to be written into a status."""

from __future__ import annotations

from typing import Final

from frazil_operator.observed import Scaling

AGAIN_SECONDS: Final = 30.0  # between two times that one model's load is written
CHANGE: Final = 0.1  # of a figure
PER_SECOND: Final = 8.0  # of all models together; other writes need some room below 10


def is_news(before: Scaling, now: Scaling) -> bool:
    """Whether a figure has changed by more than a tenth, or to or from 0."""
    pairs = (
        (before.queued, now.queued),
        (before.running, now.running),
        (before.wait_seconds, now.wait_seconds),
    )
    return any(abs(new - old) > CHANGE * old or (new == 0) != (old == 0) for old, new in pairs)


class Budget:
    """How many may be written: so many a second, and as many at once."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._per_second = self._left = per_second
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more may be written at this time, which never goes back."""
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
