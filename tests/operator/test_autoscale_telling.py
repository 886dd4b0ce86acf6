"""When a load is written into a status."""

from __future__ import annotations

import pytest

from frazil_operator.autoscale.telling import Budget, is_news
from frazil_operator.observed import Scaling


def load(queued: int = 0, running: int = 0, wait: float = 0.0) -> Scaling:
    return Scaling(1, "", queued, running, wait)


NEWS: dict[str, tuple[Scaling, Scaling, bool]] = {
    "nothing has changed": (load(20, 5, 0.5), load(20, 5, 0.5), False),
    "a tenth more": (load(20), load(22), False),
    "more than a tenth more": (load(20), load(23), True),
    "more than a tenth less": (load(running=20), load(running=17), True),
    "from nothing": (load(), load(wait=0.01), True),
    "to nothing": (load(wait=0.01), load(), True),
    "only the reason is another": (Scaling(1, "a"), Scaling(1, "b"), False),
}


@pytest.mark.parametrize(("before", "now", "news"), NEWS.values(), ids=NEWS)
def test_what_is_news(before: Scaling, now: Scaling, news: bool) -> None:
    assert is_news(before, now) is news


def test_no_more_are_written_than_so_many_a_second() -> None:
    budget = Budget(per_second=4)
    assert [budget.take(100.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert [budget.take(100.5) for _ in range(3)] == [True, True, False]
    taken = sum(budget.take(101.0 + tenth / 10) for tenth in range(100))
    assert taken == pytest.approx(4 * 10, abs=1)
