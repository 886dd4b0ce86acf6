"""The line: who is next, and who is let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.scheduler import Item, Rules, Scheduler


def line(slots: int = 1, **rules: object) -> Scheduler[Item]:
    return Scheduler(Rules(**rules), slots)  # type: ignore[arg-type]


def item(cost: float, arrived: float = 0.0, *, group: str = "g", priority: int = 0) -> Item:
    return Item(group, 1, cost, arrived, cost, priority)


def order(scheduler: Scheduler[Item]) -> list[float]:
    return [each.cost for each in scheduler]


def test_the_smallest_is_next() -> None:
    scheduler = line()
    for cost in (0.3, 0.1, 0.2):
        scheduler.add(item(cost))
    assert order(scheduler) == [0.1, 0.2, 0.3]


def test_of_equals_the_first_is_next() -> None:
    scheduler, items = line(), [item(0.1) for _ in range(5)]
    for each in items:
        scheduler.add(each)
    assert list(scheduler) == items


def test_in_order_of_arrival_size_does_not_matter() -> None:
    scheduler = line(smallest_first=False)
    for at, cost in enumerate((0.3, 0.1, 0.2)):
        scheduler.add(item(cost, at))
    assert order(scheduler) == [0.3, 0.1, 0.2]


def test_what_has_waited_for_long_goes_before_what_is_small() -> None:
    scheduler = line(aging_seconds=5, reference=1)
    scheduler.add(item(9.0, arrived=0.0))  # as large as any: 5 s behind its arrival
    scheduler.add(item(0.0, arrived=4.9))
    scheduler.add(item(0.0, arrived=5.1))
    assert [(each.cost, each.arrived) for each in scheduler] == [(0.0, 4.9), (9.0, 0), (0.0, 5.1)]


@pytest.mark.parametrize(
    ("priority", "place"),
    [
        pytest.param(1, 0, id="the highest goes before what is smaller"),
        pytest.param(0, 1, id="the default is by size"),
        pytest.param(2, 2, id="a lower one goes behind what is larger"),
    ],
)
def test_a_priority(priority: int, place: int) -> None:
    scheduler = line()
    mine = item(0.5, priority=priority)
    for each in (item(0.1), item(0.9), mine):
        scheduler.add(each)
    assert list(scheduler).index(mine) == place


def test_a_part_that_was_run_moves_the_rest_forward() -> None:
    scheduler = line()
    large, small = item(0.9), item(0.5)
    large.rows = 10
    scheduler.add(large)
    scheduler.add(small)
    scheduler.retake(large, rows=2, cost=0.1, size=0.1)
    assert order(scheduler) == [0.1, 0.5]
    scheduler.remove(large)
    assert order(scheduler) == [0.5]
    assert scheduler.work == pytest.approx(0.5)


def test_groups_are_told_apart() -> None:
    scheduler = line()
    for cost, group in ((0.2, "a"), (0.3, "b"), (0.1, "a")):
        scheduler.add(item(cost, group=group))
    assert [each.cost for each in scheduler.together("a")] == [0.1, 0.2]
    assert list(scheduler.together("c")) == []


def test_who_would_wait_too_long_is_not_let_in() -> None:
    scheduler = line(slots=2, max_wait_seconds=1)
    for _ in range(3):
        assert scheduler.admit(item(1.0), running=0) == []
    # 3 s of work on two slots are ahead of this one.
    late = item(1.0)
    assert scheduler.would_refuse(0.0, 1.0, running=0)
    assert scheduler.admit(late, running=0) == [late]
    assert len(scheduler) == 3


def test_runs_under_way_are_work_ahead_of_everybody() -> None:
    scheduler = line(max_wait_seconds=1)
    late = item(0.1)
    assert scheduler.admit(late, running=1.1) == [late]
    assert scheduler.admit(item(0.1), running=0.9) == []


def test_an_empty_line_lets_in_whatever_comes() -> None:
    assert line(max_wait_seconds=1).admit(item(3600.0), running=0) == []


def test_what_small_ones_push_past_the_limit_leaves_last_in_order_first() -> None:
    scheduler = line(max_wait_seconds=1)
    large, larger = item(0.5), item(0.6)
    assert scheduler.admit(large, running=0) == []
    assert scheduler.admit(larger, running=0) == []
    assert scheduler.admit(item(0.4), running=0) == []  # 0.9 s ahead of the last
    assert not scheduler.would_refuse(0.0, 0.2, running=0)
    assert scheduler.admit(item(0.2), running=0) == [larger]
    assert order(scheduler) == [0.2, 0.4, 0.5]


def test_in_order_of_arrival_it_is_the_newest_that_leaves() -> None:
    scheduler = line(smallest_first=False, max_wait_seconds=1)
    scheduler.admit(item(1.0, 0.0), running=0)
    scheduler.admit(item(1.0, 1.0), running=0)
    small = item(0.0, 2.0)
    assert scheduler.admit(small, running=0) == [small]


COMING = st.lists(
    st.tuples(st.floats(0, 3), st.floats(0, 20), st.sampled_from((0, 1, 2)), st.booleans()),
    min_size=1,
    max_size=60,
)


@given(COMING)
def test_nothing_is_overtaken_by_what_came_later_than_the_aging(
    coming: list[tuple[float, float, int, bool]],
) -> None:
    scheduler = line(aging_seconds=5, max_wait_seconds=1e9)
    served: list[Item] = []

    def serve() -> None:
        first = scheduler.first()
        assert first is not None
        scheduler.remove(first)
        served.append(first)

    now = 0.0
    for cost, pause, priority, serving in coming:
        now += pause
        scheduler.admit(item(cost, now, priority=priority), running=0)
        if serving:
            serve()
    while len(scheduler):
        serve()
    for at, one in enumerate(served):
        assert all(later.arrived > one.arrived - 5 - 1e-9 for later in served[at:])


@given(COMING, st.integers(1, 4))
def test_everybody_in_line_is_within_the_longest_wait(
    coming: list[tuple[float, float, int, bool]], slots: int
) -> None:
    scheduler = line(slots, max_wait_seconds=1)
    for at, (cost, _, priority, _) in enumerate(coming):
        before, coming_item = set(scheduler), item(cost, at / 100, priority=priority)
        leaving = scheduler.admit(coming_item, running=0.0)
        # Each is in line or has left, and none is twice.
        assert set(scheduler) | set(leaving) == before | {coming_item}
        assert len(scheduler) + len(leaving) == len(before) + 1
        ahead = 0.0
        for waiting in scheduler:
            assert ahead / slots <= 1 + 1e-9
            ahead += waiting.cost
        assert scheduler.work == pytest.approx(ahead)
