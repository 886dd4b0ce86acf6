"""Whose turn it is to freeze: the waiting Jobs in line, and those that let their turn go by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from frazil_operator.objects import key_of
from frazil_operator.observed import Key, Object

TURN: Final = timedelta(seconds=60)  # from when a Job may start until it holds up nobody any more


class Turns:
    """The line of waiting freeze Jobs, oldest first.

    The first in line starts as soon as there is a free place. One that does not, whatever keeps
    its model from being looked at, is passed over after ``TURN``: it may start whenever it can,
    but the others wait for it no longer. This is remembered by the process alone, for a Job that
    made room by being deleted leaves no time behind; a new process gives each another turn.
    """

    def __init__(self) -> None:
        self._turn: tuple[str, datetime] | None = None  # whose (a UID), and since when
        self._passed: set[str] = set()

    def line(self, waiting: Iterable[Object], now: datetime, *, free: bool) -> list[Object]:
        """Those that the ones behind them wait for."""
        jobs = sorted(waiting, key=order)
        self._passed &= {_uid(job) for job in jobs}
        line = [job for job in jobs if _uid(job) not in self._passed]
        if not line or not free:
            self._turn = None
            return line
        first = _uid(line[0])
        if self._turn is None or self._turn[0] != first:
            self._turn = (first, now)
        elif now - self._turn[1] > TURN:
            self._passed.add(first)
            return self.line(jobs, now, free=free)
        return line


def order(job: Object) -> tuple[str, Key]:
    """What sorts Jobs as they came."""
    return job["metadata"]["creationTimestamp"], key_of(job)


def _uid(job: Object) -> str:
    return str(job["metadata"]["uid"])
