"""PURE. What was used last, within a bound in bytes: the store of both caches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteLRU(Generic[V]):
    """Values by key; the one that was not used for longest goes first. Every call is O(1).

    ``put`` and ``resize`` take as long as what they evict. For one thread at a time: who shares it
    brings a lock. ``hits`` and ``misses`` count ``get``; ``evictions`` counts what had to make
    room, not what was replaced or dropped.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> V | None:
        """The value of ``key``, which is now the one used last; None where there is none."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep ``value``, which counts ``size`` bytes, in place of what ``key`` had before.

        One that is larger than the bound is not kept, and nothing is evicted for it.
        """
        self.drop(key)
        if size > self._max_bytes:
            return
        self._entries[key] = (value, size)
        self.bytes += size
        self._evict()

    def drop(self, key: Hashable) -> None:
        """Forget ``key``, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry[1]

    def drop_all(self) -> None:
        """Forget everything. The counters go on."""
        self._entries.clear()
        self.bytes = 0

    def resize(self, max_bytes: int) -> None:
        """Another bound, at once."""
        self._max_bytes = max_bytes
        self._evict()

    def _evict(self) -> None:
        while self.bytes > self._max_bytes:
            _, (_, size) = self._entries.popitem(last=False)
            self.bytes -= size
            self.evictions += 1
