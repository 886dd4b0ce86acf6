"""PURE. How quickly what waits is really worked off: the slots may not have a core each."""

from __future__ import annotations

from typing import Final

WINDOW_SECONDS: Final = 0.1

LEAST: Final = 0.05  # of the slots' whole time: what a process that is stopped may make believe

# Of the newest window. Who is promised too short a wait has been deceived; who is refused may come
# again: so the estimate falls soon and rises late.
_FALL: Final = 0.5
_RISE: Final = 0.05


class Pace:
    """``rate`` is how many seconds of session time, as expected, are worked off in one second.

    It is looked at while something waits; at most as many as there are slots. Times are in seconds
    of one clock.
    """

    def __init__(self, slots: int) -> None:
        self.rate = float(slots)
        self._slots = float(slots)
        self._since = 0.0
        self._worked = 0.0

    def begin(self, now: float) -> None:
        """Nothing has waited until now: what was worked off before tells nothing."""
        self._since, self._worked = now, 0.0

    def work_off(self, now: float, seconds: float) -> None:
        """A run has ended that was expected to take so long."""
        self._worked += seconds
        passed = now - self._since
        if passed >= WINDOW_SECONDS:
            newest = min(self._slots, max(self._worked / passed, LEAST * self._slots))
            self.rate += (_FALL if newest < self.rate else _RISE) * (newest - self.rate)
            self._since, self._worked = now, 0.0
