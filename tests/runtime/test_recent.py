"""By how much counts have grown of late, on a literal clock."""

from __future__ import annotations

import pytest

from frazil_runtime.recent import Recent


def counted(until: int) -> Recent:
    """What was told every 6 s from 1000.0 on, of a count that grows by 1 a second."""
    recent = Recent(1000.0, [0])
    for second in range(6, until, 6):
        recent.keep(1000.0 + second, [second])
    return recent


@pytest.mark.parametrize(
    ("now", "span", "grown"),
    [
        pytest.param(1000, 60, 0, id="at the beginning there is nothing"),
        pytest.param(1003, 6, 3, id="what began later than the span is all there is"),
        pytest.param(1016, 6, 10, id="from the newest that is as old as the span"),
        pytest.param(1018, 6, 6, id="which may be just as old"),
        pytest.param(1059, 60, 59, id="not quite a minute"),
        pytest.param(1125, 60, 65, id="a minute, and what is between two"),
        pytest.param(1600, 60, 60, id="just a minute, long after"),
    ],
)
def test_growth(now: int, span: float, grown: int) -> None:
    recent = counted(until=now - 1000 + 1)
    assert recent.since(float(now), [now - 1000], span) == (float(grown), [grown])


def test_each_count_is_by_itself() -> None:
    recent = Recent(0.0, [5, 7])
    assert recent.since(2.0, [6, 7], 60) == (2.0, [1, 0])


def test_after_a_long_pause_no_older_counts_are_missed() -> None:
    recent = counted(until=61)
    assert recent.since(5000.0, [61], 6) == (3940.0, [1])
