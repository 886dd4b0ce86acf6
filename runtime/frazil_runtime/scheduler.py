"""Who is next, and who is let in at all: one line, smallest first, in which nobody waits for ever.

Its key is ``arrival + aging_seconds * min(1, size / reference)`` and never moves while a request
waits, but forward when a part of it has been run. So what is small goes first, and nothing is
overtaken by what came more than ``aging_seconds`` later.
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Generic, TypeVar

_HIGHEST: Final = 1  # Triton's priorities: 1 goes first, 0 is the default, larger ones go last
_serial = count()


@dataclass(slots=True, eq=False)
class Item:
    """One waiting request, or what is left of it.

    ``group`` tells which others it may be run with. ``rows`` are those that no run has taken yet,
    ``cost`` the expected seconds of session time of these, ``size`` what they cost as it was when
    last it changed much: equals keep their order. Times are in seconds of one clock.
    """

    group: Hashable
    rows: int
    cost: float
    arrived: float
    size: float
    priority: int = 0
    waiting: bool = False  # in line now
    key: tuple[float, int] = (0.0, 0)
    serial: int = field(default_factory=_serial.__next__)


@dataclass(slots=True)
class Rules:
    """``reference`` is the size, in seconds, from which on a request is as large as any."""

    smallest_first: bool = True
    aging_seconds: float = 5.0
    max_wait_seconds: float = 1.0
    reference: float = 1.0


ItemT = TypeVar("ItemT", bound=Item)
Entries = list[tuple[tuple[float, int], ItemT]]


class Scheduler(Generic[ItemT]):
    """The waiting items in order of their keys. Knows no clock: whoever adds says when it is."""

    def __init__(self, rules: Rules, rate: float) -> None:
        self.rules = rules
        self.work = 0.0  # seconds of session time of all that waits
        self.rate = rate  # how many of them are worked off in one second
        self._line: Entries[ItemT] = []
        self._groups: dict[Hashable, Entries[ItemT]] = {}

    def __len__(self) -> int:
        return len(self._line)

    def __iter__(self) -> Iterator[ItemT]:
        return (item for _, item in self._line)

    def first(self) -> ItemT | None:
        """Who is next."""
        return self._line[0][1] if self._line else None

    def together(self, group: Hashable) -> Iterator[ItemT]:
        """The waiting items of one group, in order."""
        return (item for _, item in self._groups.get(group, ()))

    def wait(self, running: float) -> float:
        """Seconds that the last in line waits; ``running``: what is left of the runs under way."""
        return (self.work + running) / self.rate

    def would_refuse(self, arrived: float, size: float, running: float, priority: int = 0) -> bool:
        """Whether a request of this size that came now would be refused."""
        if self.wait(running) <= self.rules.max_wait_seconds:
            return False
        return not self._line or self._key(arrived, size, priority) >= self._line[-1][0][0]

    def admit(self, item: ItemT, running: float) -> list[ItemT]:
        """Let the item in; returns who has to leave: perhaps itself, or the last in line.

        Nobody stays behind whose work ahead, in order of keys, takes longer than the longest wait.
        All work but the last one's own is ahead of the last one, and less of anybody else.
        """
        self.add(item)
        limit = self.rules.max_wait_seconds * self.rate - running
        leaving = []
        while self._line and self.work - (last := self._line[-1][1]).cost > limit:
            self.remove(last)
            leaving.append(last)
        return leaving

    def add(self, item: ItemT) -> None:
        """Put it where it belongs, without asking."""
        item.key = (self._key(item.arrived, item.size, item.priority), item.serial)
        entry = (item.key, item)
        _put(self._line, entry)
        group = self._groups.get(item.group)
        if group is None:
            self._groups[item.group] = [entry]
        else:
            _put(group, entry)
        self.work += item.cost
        item.waiting = True

    def remove(self, item: ItemT) -> None:
        """Take it out; it must be in line."""
        item.waiting = False
        _take(self._line, item)
        group = self._groups[item.group]
        _take(group, item)
        if not group:
            del self._groups[item.group]
        self.work = self.work - item.cost if self._line else 0.0

    def retake(self, item: ItemT, rows: int, cost: float, size: float) -> None:
        """A run has taken some of its rows: what is left is smaller, and so moves forward."""
        self.remove(item)
        item.rows, item.cost, item.size = rows, cost, size
        self.add(item)

    def _key(self, arrived: float, size: float, priority: int) -> float:
        rules = self.rules
        if not rules.smallest_first:
            return arrived
        if priority == 0:
            share = min(1.0, size / rules.reference)
        else:
            share = 0.0 if priority == _HIGHEST else 1.0
        return arrived + rules.aging_seconds * share


def _put(entries: Entries[ItemT], entry: tuple[tuple[float, int], ItemT]) -> None:
    if not entries or entry > entries[-1]:
        entries.append(entry)
    else:
        bisect.insort(entries, entry)


def _take(entries: Entries[ItemT], item: ItemT) -> None:
    # Keys differ, so the item itself is never compared.
    del entries[bisect.bisect_left(entries, (item.key,))]
