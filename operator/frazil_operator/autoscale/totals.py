"""PURE. What a model has answered in all: totals that only grow, whichever pods come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from frazil_runtime.contract.load import Load


class Count(NamedTuple):
    """``requests`` were answered, ``hits`` of them from the output cache."""

    requests: int = 0
    hits: int = 0


class Totals:
    """Sums up by how much each pod's own counts grow. What a pod had answered when it was first
    seen is not among it: another operator may have counted that before."""

    def __init__(self) -> None:
        self.count = Count()
        self._seen: dict[str, Load] = {}

    def add(self, loads: Mapping[str, Load | None]) -> None:
        """What each pod, by UID, has told last: None where it did not answer. One that is not there
        has gone."""
        for uid in self._seen.keys() - loads.keys():
            del self._seen[uid]
        for uid, load in loads.items():
            before = self._seen.get(uid)
            if load is None or load is before:
                continue
            if before is not None:
                self._grow(before, load)
            self._seen[uid] = load

    def _grow(self, before: Load, now: Load) -> None:
        requests, hits = self.count
        self.count = Count(
            requests + _grown(before.requests, now.requests), hits + _grown(before.hits, now.hits)
        )


def _grown(before: int, now: int) -> int:
    """A count that went back is a process's that has begun anew, from 0."""
    return now - before if now >= before else now
