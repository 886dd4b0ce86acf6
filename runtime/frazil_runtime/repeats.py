"""PURE. What happens again and again: told at once, then once a minute with how often it was."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

SECONDS: Final = 60.0  # between two lines of one kind


class Repeats:
    """Who asks before each line of a log that others can cause as often as they like.

    It remembers each kind for good: there must be few.
    """

    def __init__(self) -> None:
        self._told: dict[Hashable, float] = {}  # when
        self._untold: dict[Hashable, int] = {}  # since then

    def count(self, kind: Hashable, now: float) -> int | None:
        """One more of this kind, at ``now`` in seconds of any clock.

        How many were not told since the last that was; None where this one is not told either.
        """
        told = self._told.get(kind)
        if told is not None and now - told < SECONDS:
            self._untold[kind] += 1
            return None
        untold = self._untold.get(kind, 0)
        self._told[kind], self._untold[kind] = now, 0
        return untold
