"""How quickly waiting work is worked off, by a literal clock."""

from __future__ import annotations

import pytest

from frazil_runtime.pace import LEAST, Pace


def test_at_first_every_slot_is_believed_to_have_a_core() -> None:
    assert Pace(2).rate == 2


@pytest.mark.parametrize(
    ("worked", "rate"),
    [
        pytest.param(0.5, 2.0, id="as many seconds as there are slots"),
        pytest.param(0.25, 1.5, id="half as many: it falls half of the way at once"),
        pytest.param(1.0, 2.1, id="twice as many, as a batch does: it rises a twentieth"),
        pytest.param(0.0, 1 + LEAST, id="nothing at all: not to be believed quite"),
    ],
)
def test_after_one_window(worked: float, rate: float) -> None:
    pace = Pace(2)
    pace.begin(5.0)
    pace.work_off(5.25, worked)
    assert pace.rate == pytest.approx(rate)


def test_it_falls_soon_and_rises_late() -> None:
    pace = Pace(2)
    pace.begin(0.0)
    for quarter in range(1, 11):
        pace.work_off(quarter / 4, 0.25)
    assert pace.rate == pytest.approx(1.0, abs=0.01)
    pace.work_off(11 / 4, 0.5)
    assert 1.0 < pace.rate < 1.1
    for quarter in range(12, 111):
        pace.work_off(quarter / 4, 0.5)
    assert pace.rate == pytest.approx(2.0, abs=0.02)


def test_a_window_that_is_not_over_changes_nothing() -> None:
    pace = Pace(1)
    pace.begin(0.0)
    pace.work_off(0.05, 0.0)
    assert pace.rate == 1


def test_a_time_in_which_nothing_waited_tells_nothing() -> None:
    pace = Pace(1)
    pace.begin(0.0)
    pace.begin(100.0)
    pace.work_off(100.25, 0.25)
    assert pace.rate == 1
