"""A deadline that is moved often and comes seldom."""

from __future__ import annotations

from functools import partial

import pytest
from fakes.connections import Loop

from frazil_runtime.transport.deadlines import Deadline


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def deadline(loop: Loop) -> Deadline:
    return Deadline(loop)


@pytest.fixture
def calls(loop: Loop) -> list[tuple[str, float]]:
    return []


def note(calls: list[tuple[str, float]], loop: Loop, what: str) -> partial[None]:
    return partial(lambda: calls.append((what, loop.now)))


def test_it_comes_once(loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]) -> None:
    deadline.set(5.0, note(calls, loop, "a"))
    loop.advance(4.9)
    assert calls == []
    loop.advance(100.0)
    assert calls == [("a", 5.0)]
    assert loop.timers == []


def test_moved_away_it_keeps_its_timer(
    loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]
) -> None:
    for _ in range(3):
        deadline.set(5.0, note(calls, loop, "a"))
        assert [timer.due for timer in loop.timers] == [5.0]
        loop.advance(1.0)
    loop.advance(100.0)
    assert calls == [("a", 7.0)]


def test_moved_nearer_it_comes_sooner(
    loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]
) -> None:
    deadline.set(5.0, note(calls, loop, "a"))
    deadline.set(1.0, note(calls, loop, "b"))
    loop.advance(100.0)
    assert calls == [("b", 1.0)]


def test_cleared_it_does_not_come_and_can_be_set_again(
    loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]
) -> None:
    deadline.set(5.0, note(calls, loop, "a"))
    deadline.clear()
    loop.advance(3.0)
    deadline.set(4.0, note(calls, loop, "b"))
    loop.advance(100.0)
    assert calls == [("b", 7.0)]
    deadline.clear()
    loop.advance(100.0)
    assert len(calls) == 1


def test_who_is_called_may_set_it_again(
    loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]
) -> None:
    deadline.set(1.0, lambda: deadline.set(1.0, note(calls, loop, "a")))
    loop.advance(100.0)
    assert calls == [("a", 2.0)]


def test_cancelled_it_leaves_no_timer(loop: Loop, deadline: Deadline) -> None:
    deadline.cancel()
    deadline.set(5.0, deadline.clear)
    deadline.cancel()
    assert loop.timers == []


def test_what_was_said_last_is_called_where_the_timer_is_older(
    loop: Loop, deadline: Deadline, calls: list[tuple[str, float]]
) -> None:
    deadline.set(1.0, note(calls, loop, "a"))
    deadline.clear()
    deadline.set(1.0, note(calls, loop, "b"))
    loop.advance(1.0)
    assert calls == [("b", 1.0)]
