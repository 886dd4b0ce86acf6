"""How much session time arrivals asked for, over two spans of time."""

from __future__ import annotations

import pytest

from frazil_runtime.demand import Demand

EACH_SECOND = [(float(second), 0.5) for second in range(1000, 1100)]

RATES: dict[str, tuple[list[tuple[float, float]], float, int, float]] = {
    "nothing has come": ([], 1000.0, 6, 0.0),
    "a constant rate, in the middle of a second": (EACH_SECOND, 1099.5, 6, (6 + 0.5) * 0.5 / 6),
    "a constant rate, over a minute": (EACH_SECOND, 1099.0, 60, (60 + 1.0) * 0.5 / 60),
    "one request a moment ago": ([(1000.0, 3.0)], 1000.1, 6, 0.5),
    "one request that the span just reaches": ([(1000.0, 3.0)], 1006.5, 6, 0.25),
    "one request that the span reaches no more": ([(1000.0, 3.0)], 1007.0, 6, 0.0),
    "one request, over a minute": ([(1000.0, 3.0)], 1059.0, 60, 0.05),
    "a request of long ago, in the same bucket": ([(1000.0, 3.0)], 1061.0, 60, 0.0),
    "a long rest between two": ([(1000.0, 3.0), (9000.0, 6.0)], 9000.5, 60, 0.1),
}


@pytest.mark.parametrize(("arrivals", "now", "span", "rate"), RATES.values(), ids=RATES)
def test_the_rate(arrivals: list[tuple[float, float]], now: float, span: int, rate: float) -> None:
    demand = Demand()
    for at, seconds in arrivals:
        demand.add(at, seconds)
    assert demand.rate(now, span) == pytest.approx(rate)


def test_to_ask_forgets_nothing_that_a_longer_span_has() -> None:
    demand = Demand()
    demand.add(1000.0, 6.0)
    for second in range(1001, 1050):
        demand.rate(float(second), 6)
    assert demand.rate(1050.0, 60) == pytest.approx(0.1)
