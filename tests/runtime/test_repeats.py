"""A log that its causes cannot fill, on a literal clock."""

from __future__ import annotations

from frazil_runtime.repeats import Repeats


def test_the_first_is_told_and_then_one_a_minute_with_how_many_more_there_were() -> None:
    repeats = Repeats()
    assert repeats.count("x", 1000.0) == 0
    assert [repeats.count("x", 1000.0 + second) for second in (0, 1, 30, 59.9)] == [None] * 4
    assert repeats.count("x", 1060.0) == 4
    assert repeats.count("x", 1061.0) is None
    assert repeats.count("x", 1120.0) == 1
    # It was quiet for an hour: then it is news again.
    assert repeats.count("x", 4720.0) == 0


def test_each_kind_is_told_for_itself() -> None:
    repeats = Repeats()
    assert [repeats.count("x", 0.0), repeats.count("x", 1.0)] == [0, None]
    assert [repeats.count("y", 1.0), repeats.count("y", 61.0)] == [0, 0]
    assert repeats.count("x", 61.0) == 1
