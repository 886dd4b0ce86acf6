"""PURE. What was counted of late, from counts that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from frazil_runtime.contract.load import LONG_SECONDS, SHORT_SECONDS

_KEPT: Final = LONG_SECONDS // SHORT_SECONDS + 1  # the oldest is a minute old, or older


class Recent:
    """Counts as they were every SHORT_SECONDS of the last minute. Nobody who counts need know it:
    it is told from time to time, and asked with the counts of now."""

    def __init__(self, now: float, counts: Sequence[int]) -> None:
        self._kept = deque([(now, tuple(counts))], maxlen=_KEPT)

    def keep(self, now: float, counts: Sequence[int]) -> None:
        """To be told every SHORT_SECONDS, by a clock that never goes back."""
        self._kept.append((now, tuple(counts)))

    def since(self, now: float, counts: Sequence[int], span: float) -> tuple[float, list[int]]:
        """By how much each count has grown, and in how many seconds: ``span`` and up to
        SHORT_SECONDS more; fewer where counting began later."""
        old = (kept for kept in reversed(self._kept) if now - kept[0] >= span)
        at, before = next(old, self._kept[0])
        return now - at, [count - was for count, was in zip(counts, before, strict=True)]
