"""Whose turn it is to freeze, told by a literal clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from frazil_operator.turns import Turns

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(name: str) -> dict[str, Any]:
    """A Job that waits; those earlier in the alphabet came earlier."""
    metadata = {
        "namespace": "vision",
        "name": name,
        "uid": name,
        "creationTimestamp": f"2026-01-01T00:{ord(name) - ord('a'):02}:00Z",
    }
    return {"kind": "Job", "metadata": metadata}


def line(turns: Turns, waiting: str, seconds: int, *, free: bool = True) -> str:
    """Those who hold up the others."""
    jobs = turns.line(map(job, waiting), NOON + timedelta(seconds=seconds), free=free)
    return "".join(body["metadata"]["name"] for body in jobs)


def test_the_oldest_comes_first() -> None:
    assert line(Turns(), "cab", 0) == "abc"


def test_who_does_not_start_within_a_minute_holds_up_nobody_any_more() -> None:
    turns = Turns()
    assert line(turns, "abc", 0) == "abc"
    assert line(turns, "abc", 60) == "abc"
    assert line(turns, "abc", 61) == "bc"
    assert line(turns, "ac", 62) == "c"  # b has started; a is still passed over


def test_each_has_a_minute_of_its_own() -> None:
    turns = Turns()
    line(turns, "abc", 0)
    assert line(turns, "abc", 61) == "bc"
    assert line(turns, "abc", 121) == "bc"
    assert line(turns, "abc", 122) == "c"


def test_waiting_for_a_free_place_costs_no_turn() -> None:
    turns = Turns()
    line(turns, "ab", 0)
    assert line(turns, "ab", 3600, free=False) == "ab"
    assert line(turns, "ab", 3601) == "ab"
    assert line(turns, "ab", 3662) == "b"


def test_one_that_comes_anew_is_not_passed_over() -> None:
    turns = Turns()
    line(turns, "ab", 0)
    assert line(turns, "ab", 61) == "b"
    assert line(turns, "b", 62) == "b"
    assert line(turns, "ab", 63) == "ab"
