"""Pure: sums of what pods have counted, by revision and minute, and how a document keeps them.

A sum of many pods may pass the bounds of one minute of one pod, which the contract holds a Tally
to. So sums are read back by their own rule: whole, finite, and no less than 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from frazil_runtime.contract.accuracy import Counts

Minutes = Mapping[int, Counts]  # by minute since the epoch
ByRevision = Mapping[str, Minutes]

_NAMES: Final = tuple(f.name for f in fields(Counts))
COLUMNS: Final = ("minute", *_NAMES)  # of a row in a document
_FRACTIONS: Final = frozenset({"error", "squared_error"})  # of the columns; the others are whole
_CONFUSION: Final = ("tp", "fp", "fn", "tn")
_EVALUATED: Final = {
    "scored": "labels",
    "right": "right",
    "tp": "true_positives",
    "fp": "false_positives",
    "fn": "false_negatives",
    "tn": "true_negatives",
    "sum": "error",
    "sum_of_squares": "squared_error",
}
_MOST: Final = 2**53
_values = attrgetter(*_NAMES)


def total(parts: Iterable[Counts]) -> Counts:
    """All of them together: ``Counts.sum``, several times as fast."""
    values = [_values(part) for part in parts]
    return Counts(*map(sum, zip(*values, strict=True))) if values else Counts()


def cut(parts: ByRevision, first: int, end: int | None = None) -> ByRevision:
    """The minutes from ``first`` on and before ``end``; no revision without any."""
    some = {
        revision: {m: c for m, c in minutes.items() if first <= m and (end is None or m < end)}
        for revision, minutes in parts.items()
    }
    return {revision: minutes for revision, minutes in some.items() if minutes}


def replaced(parts: ByRevision, by: ByRevision) -> ByRevision:
    """Where both have a minute, that of ``by`` holds."""
    names = dict.fromkeys((*parts, *by))
    return {name: {**parts.get(name, {}), **by.get(name, {})} for name in names}


def added(parts: ByRevision, more: ByRevision) -> ByRevision:
    """Where both have a minute, it has the sum."""
    sums = {revision: dict(minutes) for revision, minutes in parts.items()}
    for revision, minutes in more.items():
        mine = sums.setdefault(revision, {})
        for minute, counts in minutes.items():
            mine[minute] = mine[minute] + counts if minute in mine else counts
    return sums


def rows(parts: ByRevision) -> dict[str, list[list[int | float]]]:
    """For JSON: by revision a row for each minute, its values in the order of COLUMNS without the
    zeros at the end."""
    return {
        revision: [[minute, *_trimmed(minutes[minute])] for minute in sorted(minutes)]
        for revision, minutes in parts.items()
    }


def read(columns: Sequence[str], sent: Mapping[str, Any]) -> ByRevision:
    """What ``rows`` wrote; ValueError, TypeError, KeyError or AttributeError where nobody did."""
    return {
        revision: dict(_minute(columns, row) for row in rows) for revision, rows in sent.items()
    }


def summed(record: object) -> Counts:
    """A sum from its values by name; ValueError says what cannot be one. Names that only a later
    version knows are passed over."""
    if not isinstance(record, dict):
        raise ValueError("not an object")
    counts = Counts(**{name: _figure(name, record[name]) for name in _NAMES if name in record})
    positives = counts.true_positives + counts.false_positives
    judged = positives + counts.false_negatives + counts.true_negatives
    if max(counts.right, judged) > counts.labels:
        raise ValueError(f"more was right or wrong than the {counts.labels} labels")
    return counts


def evaluated(figures: Mapping[str, float]) -> Counts | None:
    """What an offline evaluation has counted, in the words of online feedback; None where it says
    too little for a confidence interval. ``figures`` are those of its result."""
    record: dict[str, object] = {
        _EVALUATED[name]: int(figure) if float(figure).is_integer() else figure
        for name, figure in figures.items()
        if name in _EVALUATED
    }
    if figures.keys() >= set(_CONFUSION):
        record["labels"] = sum(int(figures[name]) for name in _CONFUSION)
    try:
        return summed(record) if "labels" in record else None
    except ValueError:
        return None


def _trimmed(counts: Counts) -> list[int | float]:
    values = list(_values(counts))
    while values and not values[-1]:
        values.pop()
    return values


def _minute(columns: Sequence[str], row: Sequence[object]) -> tuple[int, Counts]:
    record = dict(zip(columns, row, strict=False))
    minute = record.pop("minute")
    if type(minute) is not int:
        raise ValueError("a minute is no whole number")
    return minute, summed(record)


def _figure(name: str, value: object) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name in _FRACTIONS and math.isfinite(value) and value >= 0:
            return float(value)
        if name not in _FRACTIONS and isinstance(value, int) and 0 <= value <= _MOST:
            return value
    raise ValueError(f"{name} cannot be {value!r:.32}")
