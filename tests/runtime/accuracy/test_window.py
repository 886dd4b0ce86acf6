"""Counts by minute and revision, for an hour."""

from __future__ import annotations

from frazil_runtime.accuracy.window import Window
from frazil_runtime.contract.accuracy import MINUTES, REVISIONS, Bucket, Counts

NOW = 1_700_000_040.0  # where a minute begins
MINUTE = int(NOW) // 60
RIGHT = Counts(labels=1, right=1)


def minutes(window: Window, now: float) -> dict[str, list[int]]:
    return {name: [each.minute for each in got] for name, got in window.buckets(now).items()}


def test_a_minute_has_its_bucket_and_a_revision_its_own() -> None:
    window = Window()
    window.predicted("a", 3, NOW)
    window.predicted("a", 1, NOW + 59.9)
    window.scored("a", RIGHT, NOW + 60)
    window.scored("b", RIGHT, NOW + 61)
    window.scored("b", RIGHT, NOW + 62)
    assert window.buckets(NOW + 90) == {
        "a": (Bucket(MINUTE, Counts(predictions=2, rows=4)), Bucket(MINUTE + 1, RIGHT)),
        "b": (Bucket(MINUTE + 1, Counts(labels=2, right=2)),),
    }
    assert window.totals["a"] == Counts(predictions=2, rows=4, labels=1, right=1)


def test_an_hour_is_kept_and_the_minute_that_has_begun() -> None:
    window = Window()
    for minute in range(100):
        window.scored("a", RIGHT, NOW + 60 * minute)
    kept = [*range(MINUTE + 99 - MINUTES, MINUTE + 100)]
    assert minutes(window, NOW + 60 * 99) == {"a": kept}
    assert minutes(window, NOW + 60 * 150) == {"a": [at for at in kept if at >= MINUTE + 90]}
    assert minutes(window, NOW + 60 * 1000) == {}
    assert window.totals["a"].labels == 100, "of all time"


def test_a_clock_that_is_put_back_counts_on_from_there() -> None:
    window = Window()
    for now in (NOW, NOW + 7200, NOW + 60):
        window.scored("a", RIGHT, now)
    assert minutes(window, NOW + 60) == {"a": [MINUTE + 1]}


def test_counts_by_other_rules_are_dropped_but_not_from_the_totals() -> None:
    window = Window()
    window.scored("a", RIGHT, NOW)
    window.clear()
    assert window.buckets(NOW) == {}
    window.scored("a", RIGHT, NOW)
    assert window.buckets(NOW) == {"a": (Bucket(MINUTE, RIGHT),)}
    assert window.totals["a"].labels == 2


def test_of_too_many_revisions_the_first_goes() -> None:
    window = Window()
    for number in range(REVISIONS + 1):
        window.scored(str(number), RIGHT, NOW)
    assert [*window.buckets(NOW)] == [str(number) for number in range(1, REVISIONS + 1)]
    assert [*window.totals] == [*window.buckets(NOW)]
