"""PURE. Counts of the last hour, minute by minute and by revision; and of all time."""

from __future__ import annotations

from frazil_runtime.contract.accuracy import MINUTES, REVISIONS, Bucket, Counts

_SECONDS = 60


class _Minute:
    """Answers are counted in plain numbers: there are many."""

    __slots__ = ("predictions", "rows", "scored")

    def __init__(self) -> None:
        self.predictions = self.rows = 0
        self.scored = Counts()

    @property
    def counts(self) -> Counts:
        return Counts(predictions=self.predictions, rows=self.rows) + self.scored


class Window:
    """What was counted in the minute that has begun and the MINUTES before it.

    Times are in seconds since the epoch. A clock that is put back loses the minutes after it. Of
    more than REVISIONS revisions the one first seen goes, its counts of all time, too.
    """

    def __init__(self) -> None:
        self._revisions: dict[str, dict[int, _Minute]] = {}
        self._totals: dict[str, _Minute] = {}

    def predicted(self, revision: str, rows: int, now: float) -> None:
        """An answer of so many rows got an id."""
        for minute in (self._at(revision, now), self._totals[revision]):
            minute.predictions += 1
            minute.rows += rows

    def scored(self, revision: str, counts: Counts, now: float) -> None:
        """An answer was scored."""
        for minute in (self._at(revision, now), self._totals[revision]):
            minute.scored += counts

    def buckets(self, now: float) -> dict[str, tuple[Bucket, ...]]:
        """By revision, oldest first; revisions of which nothing was counted are left out."""
        found = {}
        for revision, minutes in self._revisions.items():
            _prune(minutes, _minute(now))
            if minutes:
                found[revision] = tuple(Bucket(at, minutes[at].counts) for at in sorted(minutes))
        return found

    @property
    def totals(self) -> dict[str, Counts]:
        """All that was ever counted, by revision."""
        return {revision: total.counts for revision, total in self._totals.items()}

    def clear(self) -> None:
        """What comes now cannot be added to what was. The totals go on."""
        self._revisions = {revision: {} for revision in self._revisions}

    def _at(self, revision: str, now: float) -> _Minute:
        minutes = self._revisions.get(revision)
        if minutes is None:
            minutes = self._add(revision)
        at = _minute(now)
        found = minutes.get(at)
        if found is None:
            _prune(minutes, at)
            found = minutes[at] = _Minute()
        return found

    def _add(self, revision: str) -> dict[int, _Minute]:
        if len(self._revisions) == REVISIONS:
            oldest = next(iter(self._revisions))
            del self._revisions[oldest], self._totals[oldest]
        self._totals[revision] = _Minute()
        minutes = self._revisions[revision] = {}
        return minutes


def _minute(now: float) -> int:
    return int(now // _SECONDS)


def _prune(minutes: dict[int, _Minute], last: int) -> None:
    for at in [at for at in minutes if not last - MINUTES <= at <= last]:
        del minutes[at]
