"""PURE. What may happen once in so many seconds, as far back as one can remember."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

REMEMBERED: Final = 2**16  # about 10 MB


class Once:
    """Remembers at most so many keys; the oldest are forgotten first. ``now`` never goes back."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def happened(self, key: Hashable, now: float, seconds: float) -> bool:
        """Whether it did, within the last ``seconds``. What is older is forgotten."""
        while self._seen and next(iter(self._seen.values())) <= now - seconds:
            self._seen.popitem(last=False)
        return key in self._seen

    def add(self, key: Hashable, now: float) -> None:
        """It happens now."""
        self._seen[key] = now
        self._seen.move_to_end(key)
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
