"""Pure: the accuracy window, what was counted of a model in the last ``seconds``.

Each live pod tells its last hour again and again, so what it told last replaces what it told
before. Once a pod has left, or a minute is so old that no pod tells it any more, nothing can change
it: it is added to the kept sums. A ConfigMap remembers both, so that a window survives scale-in and
the operator; a pod that left while there was no operator counts with what it had told by then.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from frazil_operator.sums import COLUMNS, ByRevision, added, cut, read, replaced, rows, total
from frazil_runtime.contract.accuracy import MINUTES, Counts, Tally

BYTES: Final = 256 * 1024  # the document has at most
WRITE_SECONDS: Final = 60.0  # between two writes, unless a pod leaves
CLOCKS: Final = 5  # minutes by which a pod's clock may differ from the operator's


@dataclass(frozen=True, slots=True)
class Process:
    """What one process in a live pod has told; ``started`` (seconds since the epoch, by the pod's
    clock) tells it from the one before it in the same pod."""

    started: float
    told: ByRevision


@dataclass(frozen=True, slots=True)
class Window:
    """Counts scored by the rules of the digest ``rules``: those of ``pods`` by UID, and the sums
    that are ``kept``. ``at`` is when it was written last, in seconds since the epoch."""

    rules: str
    seconds: int = 3600
    kept: ByRevision = field(default_factory=dict)
    pods: Mapping[str, Process] = field(default_factory=dict)
    at: float = 0.0

    def absorb(self, uid: str, tally: Tally, now: float) -> Window:
        """With what a live pod tells; this very window where that is nothing new.

        What was scored by other rules does not count, nor do minutes that have yet to come: clocks
        differ, though not by more than CLOCKS.
        """
        if tally.rules != self.rules:
            return self
        known = self.pods.get(uid)
        if known is not None and known.started != tally.started:
            return self.left(uid, now).absorb(uid, tally, now)
        final = _final(now)
        before = known.told if known is not None else {}
        merged = replaced(before, _told(tally, final, _minute(now) + CLOCKS))
        told = cut(merged, final)
        if known is not None and told == before:
            return self
        kept = added(self.kept, cut(merged, 0, final)) if told != merged else self.kept
        pods = {**self.pods, uid: Process(tally.started, told)}
        return replace(self, kept=cut(kept, self._since(now)), pods=pods)

    def left(self, uid: str, now: float) -> Window:
        """Without the pod: what it had told is kept."""
        if uid not in self.pods:
            return self
        kept = cut(added(self.kept, self.pods[uid].told), self._since(now))
        pods = {other: process for other, process in self.pods.items() if other != uid}
        return replace(self, kept=kept, pods=pods)

    def remaining(self, uids: Collection[str], now: float) -> Window:
        """All pods but these have left."""
        window = self
        for uid in self.pods.keys() - set(uids):
            window = window.left(uid, now)
        return window

    def counts(self, revision: str, now: float) -> Counts:
        """What the answers of a revision have come to in the last ``seconds``, to the minute."""
        span = range(self._since(now), _minute(now) + CLOCKS + 1)
        parts = (part.get(revision, {}) for part in self._parts())
        return total(c for minutes in parts for minute, c in minutes.items() if minute in span)

    def coverage(self, revision: str, now: float) -> float | None:
        """Labels for each row predicted, at most 1; None where nothing was predicted. Labels count
        when they come, so that early ones may stand for rows that the window no longer has."""
        counts = self.counts(revision, now)
        return min(1.0, counts.labels / counts.rows) if counts.rows else None

    def worth_writing(self, before: Window, now: float) -> bool:
        """Whether the ConfigMap, which says ``before``, should be written: a pod with labels has
        left, or labels have come and the last write is a minute ago. Never for what only ages."""
        if self.rules != before.rules:
            before = Window(self.rules, at=before.at)
        since = self._since(now)
        # What ages into the kept sums is older than this; what a pod leaves behind is not.
        if _more(_labels(self.kept), _labels(before.kept), max(since, _final(now))):
            return True
        told = _labels(*self._parts()), _labels(*before._parts())
        return not 0 <= now - before.at < WRITE_SECONDS and _more(*told, since)

    def to_json(self, now: float) -> str:
        """One line of less than BYTES, in which ``now`` is the time of writing.

        Where it would be longer, live pods are left out first, those with the fewest labels (they
        will tell again), and then the oldest minutes.
        """
        since = self._since(now)
        pods = {uid: replace(p, told=cut(p.told, since)) for uid, p in self.pods.items()}
        window = replace(self, kept=cut(self.kept, since), pods=pods, at=now)
        while len(text := json.dumps(window._record(), separators=(",", ":"))) >= BYTES:
            window = window._halved()
        return text

    @classmethod
    def from_json(cls, text: str, rules: str, seconds: int) -> Window:
        """What ``to_json`` wrote; empty where that was by other rules, or is damaged or unknown."""
        try:
            window = _parsed(json.loads(text), seconds)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return cls(rules, seconds)
        return window if window.rules == rules else cls(rules, seconds)

    def _since(self, now: float) -> int:
        """The oldest minute that counts."""
        return _minute(now) - math.ceil(self.seconds / 60) + 1

    def _parts(self) -> Iterator[ByRevision]:
        yield self.kept
        for process in self.pods.values():
            yield process.told

    def _record(self) -> dict[str, Any]:
        return {
            "version": 1,
            "rules": self.rules,
            "at": self.at,
            "columns": COLUMNS,
            "kept": rows(self.kept),
            "pods": {
                uid: {"started": process.started, "told": rows(process.told)}
                for uid, process in self.pods.items()
            },
        }

    def _halved(self) -> Window:
        if self.pods:
            labels = {uid: _labels(process.told).total() for uid, process in self.pods.items()}
            most = sorted(self.pods, key=lambda uid: -labels[uid])[: len(self.pods) // 2]
            return replace(self, pods={uid: self.pods[uid] for uid in most})
        minutes = sorted({minute for kept in self.kept.values() for minute in kept})
        return replace(self, kept=cut(self.kept, minutes[(len(minutes) + 1) // 2]))


def _minute(now: float) -> int:
    return int(now // 60)


def _final(now: float) -> int:
    """The minute before which no pod tells anything any more."""
    return _minute(now) - MINUTES - CLOCKS


def _labels(*parts: ByRevision) -> Counter[tuple[str, int]]:
    """Labels by revision and minute."""
    labels: Counter[tuple[str, int]] = Counter()
    for part in parts:
        for revision, minutes in part.items():
            labels.update({(revision, minute): c.labels for minute, c in minutes.items()})
    return labels


def _more(labels: Counter[tuple[str, int]], before: Counter[tuple[str, int]], first: int) -> bool:
    """Whether there are more than before in any minute from ``first`` on."""
    return any(n > before[key] for key, n in labels.items() if key[1] >= first)


def _told(tally: Tally, first: int, last: int) -> ByRevision:
    """What a tally tells of the minutes from ``first`` to ``last``."""
    return {
        revision: {b.minute: b.counts for b in buckets if first <= b.minute <= last}
        for revision, buckets in tally.buckets.items()
    }


def _parsed(record: Any, seconds: int) -> Window:
    if record["version"] != 1:
        raise ValueError("of another version")
    columns = record["columns"]
    pods = {
        uid: Process(_time(sent["started"]), read(columns, sent["told"]))
        for uid, sent in record["pods"].items()
    }
    kept = read(columns, record["kept"])
    return Window(record["rules"], seconds, kept, pods, _time(record["at"]))


def _time(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("no time")
    return float(value)
