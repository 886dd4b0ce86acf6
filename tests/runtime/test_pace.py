"""How quickly waiting work is worked off, by a literal clock."""

from __future__ import annotations

import pytest

from frazil_runtime.pace import AT_FIRST, LEAST, RESERVED, REST_SECONDS, Pace


def test_at_first_half_of_the_slots_is_counted_on() -> None:
    assert Pace(2).rate == 2 * AT_FIRST == 1


@pytest.mark.parametrize(
    ("worked", "seen"),
    [
        pytest.param(0.5, 2.0, id="as many seconds as there are slots"),
        pytest.param(1.0, 4.0, id="more: a batch costs less than its requests"),
        pytest.param(0.2, 0.8, id="fewer: the slots have no core each"),
        pytest.param(0.0, 2 * LEAST / RESERVED, id="nothing at all: not to be believed quite"),
    ],
)
def test_in_time_it_is_what_is_seen_less_a_reserve(worked: float, seen: float) -> None:
    pace = Pace(2)
    pace.begin(5.0)
    for window in range(1, 201):
        pace.work_off(5.0 + window / 4, worked)
    assert pace.rate == pytest.approx(seen * RESERVED, rel=0.01)


def test_it_falls_soon_and_rises_late() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    pace.work_off(0.25, 0.0)
    assert pace.rate == pytest.approx((1 + 2 * LEAST) / 2)
    pace = Pace(2)
    pace.begin(0.0)
    pace.work_off(0.25, 10.0)
    assert pace.rate == pytest.approx(1 + (40 * RESERVED - 1) / 20)


def test_a_window_that_is_not_over_changes_nothing() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    pace.work_off(0.05, 0.0)
    assert pace.rate == 1


def test_a_time_in_which_nothing_waited_tells_nothing() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    pace.begin(100.0)
    pace.work_off(100.25, 0.25 / RESERVED)
    assert pace.rate == pytest.approx(1.0)


def test_a_rate_that_refuses_all_is_not_believed_for_ever() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    for window in range(1, 51):
        pace.work_off(window / 10, 0.0)
    assert pace.rate == pytest.approx(2 * LEAST)
    pace.begin(5.0 + REST_SECONDS / 2)
    assert pace.rate == pytest.approx(2 * LEAST), "a moment ago it was so"
    pace.begin(5.0 + REST_SECONDS)
    assert pace.rate == 2 * AT_FIRST


def test_a_rest_takes_nothing_from_a_rate_that_is_high() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    pace.work_off(0.25, 10.0)
    before = pace.rate
    pace.begin(100.0)
    assert pace.rate == before > 2 * AT_FIRST


@pytest.mark.parametrize(
    ("windows", "capacity"),
    [
        pytest.param([0.0625] * 7, 0.0, id="less than a second tells nothing"),
        pytest.param([0.0, *[0.125] * 7], 0.875, id="of a second it is the mean"),
        pytest.param([*[0.025] * 16, *[0.125] * 16], 0.6, id="of two and two seconds likewise"),
        pytest.param([*[0.025] * 40, *[0.125] * 400], 1.0, id="in time the past is forgotten"),
        pytest.param([0.375] * 8, 3.0, id="a batch costs less than its requests"),
        pytest.param([0.0] * 80, 2 * LEAST, id="nothing at all: not to be believed quite"),
    ],
)
def test_the_capacity_is_the_mean_of_what_was_seen(windows: list[float], capacity: float) -> None:
    pace = Pace(2)
    pace.begin(0.0)
    for number, worked in enumerate(windows, 1):
        pace.work_off(number * 0.125, worked)
    assert pace.capacity == pytest.approx(capacity, rel=0.01)
