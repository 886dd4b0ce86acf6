"""PURE. How quickly what waits is really worked off: the slots may not have a core each."""

from __future__ import annotations

from typing import Final

WINDOW_SECONDS: Final = 0.1
REST_SECONDS: Final = 2.0  # after which a rate below that at first is believed no longer

AT_FIRST: Final = 0.5
RESERVED: Final = 0.8  # or half of those who are let in would wait longer than they were to
LEAST: Final = 0.05  # of the slots' whole time: what a process that is stopped may make believe

# Of the newest window. Who is promised too short a wait has been deceived; who is refused may come
# again: so the estimate falls soon and rises late.
_FALL: Final = 0.5
_RISE: Final = 0.05

KNOWN_SECONDS: Final = 1.0  # after so much time with work waiting the capacity is known,
_MEAN_SECONDS: Final = 5.0  # and is the mean of about so much


class Pace:
    """``rate`` is how many seconds of waiting work are worked off in one second.

    Fewer than there are slots where these have no core each, more where requests are cheaper
    together than each by itself: so it is looked at while something waits, less a reserve, and half
    of the slots are counted on until then. Likewise after a rest: who is refused never waits, so a
    rate that is too low would hide that it is. Times are in seconds of one clock.

    ``capacity`` is the mean of what was seen, without reserve or rest; 0 until it is known.
    """

    def __init__(self, slots: int) -> None:
        self.rate = slots * AT_FIRST
        self._slots = slots
        self._mean = 0.0
        self._busy = 0.0  # seconds that the mean is of
        self._since = 0.0
        self._worked = 0.0
        self._seen = 0.0  # when the rate was last looked at

    @property
    def capacity(self) -> float:
        """Seconds of waiting work that are worked off in one second; 0: not known yet."""
        known = self._busy >= KNOWN_SECONDS
        return max(self._mean, LEAST * self._slots) if known else 0.0

    def begin(self, now: float) -> None:
        """Nothing has waited until now: what was worked off before tells nothing."""
        if now - self._seen >= REST_SECONDS:
            self.rate = max(self.rate, self._slots * AT_FIRST)
        self._since, self._worked = now, 0.0

    def work_off(self, now: float, seconds: float) -> None:
        """So much of what waited has been run, and something has waited all the time."""
        self._worked += seconds
        passed = now - self._since
        if passed >= WINDOW_SECONDS:
            seen = self._worked / passed
            newest = max(RESERVED * seen, LEAST * self._slots)
            self.rate += (_FALL if newest < self.rate else _RISE) * (newest - self.rate)
            self._busy = min(_MEAN_SECONDS, self._busy + passed)
            self._mean += min(1.0, passed / self._busy) * (seen - self._mean)
            self._since = self._seen = now
            self._worked = 0.0
