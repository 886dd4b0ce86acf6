"""What a model has answered in all, while pods come and go."""

from __future__ import annotations

import pytest

from frazil_operator.autoscale.totals import Count, Totals
from frazil_runtime.contract.load import Load

Looks = list[dict[str, Load | None]]


def told(requests: int, hits: int = 0) -> Load:
    return Load(requests=requests, hits=hits)


@pytest.mark.parametrize(
    ("looks", "count"),
    [
        pytest.param([], Count(), id="nothing was seen"),
        pytest.param([{"a": told(9)}], Count(), id="what was before the first look does not count"),
        pytest.param([{"a": told(9)}, {"a": told(12, 2)}], Count(3, 2), id="what a pod answers"),
        pytest.param(
            [{"a": told(0), "b": told(5)}, {"a": told(2), "b": told(6)}], Count(3), id="two pods"
        ),
        pytest.param(
            [{"a": told(0)}, {"a": told(5)}, {}, {"b": told(0)}, {"b": told(1)}],
            Count(6),
            id="a pod that has left keeps its share",
        ),
        pytest.param(
            [{"a": told(2)}, {"a": None}, {"a": told(7)}], Count(5), id="a look without an answer"
        ),
        pytest.param([{"a": None}, {"a": told(7)}], Count(), id="a pod that answers at last"),
        pytest.param(
            [{"a": told(100)}, {"a": told(103, 1)}, {"a": told(2)}],
            Count(5, 1),
            id="a container that has begun anew",
        ),
    ],
)
def test_the_total(looks: Looks, count: Count) -> None:
    totals, before = Totals(), Count()
    for look in looks:
        totals.add(look)
        assert totals.count >= before, "it never goes back"
        before = totals.count
    assert totals.count == count
