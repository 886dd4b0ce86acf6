"""How many pods a load calls for, by a literal clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from frazil_operator.autoscale.decide import (
    Figures,
    Memory,
    Rules,
    Size,
    decide,
    needed,
    sum_up,
    without_cache,
)
from frazil_runtime.contract.load import Load

RULES = Rules(least=1, most=20)


def steady(demand: float, **others: float) -> Figures:
    """A load that has been so for a minute, of pods that do one session-second a second."""
    return replace(Figures(pods=1, demand_short=demand, demand_long=demand), **others)


def look(
    *loads: Figures, size: int = 2, rules: Rules = RULES, step: float = 1.0
) -> tuple[Size, Memory]:
    """Decide at each of these loads, ``step`` seconds apart; the last decision."""
    memory, decided = Memory(), Size(size, "")
    for number, figures in enumerate(loads):
        decided, memory = decide(rules, decided.pods, figures, 1000.0 + number * step, memory)
    return decided, memory


NEEDS: dict[str, tuple[Figures, float]] = {
    "nothing comes": (steady(0.0), 0.0),
    "a steady load is to keep pods 70 % busy": (steady(1.4), 2.0),
    "pods that do half as much": (steady(1.4, capacity=0.5), 4.0),
    "pods that do more than their slots, by batches": (steady(5.6, capacity=4.0), 2.0),
    "more has come of late, and chance does not explain it": (
        steady(1.4, demand_short=2.8, variance=0.1),
        4.0,
    ),
    "more has come of late, by chance perhaps": (steady(1.4, demand_short=2.8, variance=0.2), 2.0),
    "nobody knows what chance does: not quite twice as much": (steady(1.4, demand_short=2.8), 2.0),
    "or more than that": (steady(1.4, demand_short=3.5), 5.0),
    "less has come of late": (steady(1.4, demand_short=0.0), 2.0),
    "what waits is to be worked off in ten seconds": (steady(1.4, backlog=50.0), 6.4),
}


@pytest.mark.parametrize(("figures", "need"), NEEDS.values(), ids=NEEDS)
def test_how_many_pods_a_load_calls_for(figures: Figures, need: float) -> None:
    assert needed(RULES, figures) == pytest.approx(need)


SUMS: dict[str, tuple[list[Load], Figures]] = {
    "nobody says anything": ([], Figures()),
    "all that is counted is added up": (
        [Load(queued=1, running=1, demand_short=0.5, demand_long=0.4, saved_long=0.1)] * 2,
        Figures(2, 0, 2, 2, 0.0, 0.0, 1.0, 0.8, 0.2, 1.0),
    ),
    "so is what chance does, each pod's by itself": (
        [Load(variance_short=0.25), Load(variance_short=0.5)],
        Figures(pods=2, variance=0.75),
    ),
    "what waits no longer than it may is no backlog": (
        [Load(queued=5, wait_seconds=0.5, queued_seconds=0.4)],
        Figures(pods=1, queued=5, wait_seconds=0.5, backlog=0.0),
    ),
    "what waits for longer is": (
        [Load(queued=5, wait_seconds=0.6, queued_seconds=0.4), Load(queued_seconds=0.1)],
        Figures(pods=2, queued=5, wait_seconds=0.6, backlog=0.5),
    ),
    "until it was measured, a pod's capacity is its slots": (
        [Load(slots=4)],
        Figures(pods=1, capacity=4.0),
    ),
    "a pod that has done nothing yet says nothing about what pods can do": (
        [Load(slots=2), Load(slots=2), Load(slots=2, capacity=0.4)],
        Figures(pods=3, capacity=0.4),
    ),
    "one pod's lie about its capacity changes nothing": (
        [Load(capacity=0.8), Load(capacity=1e6), Load(capacity=0.8)],
        Figures(pods=3, capacity=0.8),
    ),
}


@pytest.mark.parametrize(("loads", "figures"), SUMS.values(), ids=SUMS)
def test_the_loads_of_all_pods_together(loads: list[Load], figures: Figures) -> None:
    assert sum_up(RULES, loads) == figures


DECISIONS: dict[str, tuple[int, list[Figures], int]] = {
    "a load that fits changes nothing": (2, [steady(1.4)] * 3, 2),
    "a need a tenth beyond the size changes nothing": (10, [steady(7.6)] * 3, 10),
    "a larger one does, at the second look": (10, [steady(7.8)] * 2, 12),
    "but not at the first": (10, [steady(7.8)], 10),
    "nor for a moment's sake": (10, [steady(7.8), steady(7.0), steady(7.8)], 10),
    "of two looks the smaller need counts": (2, [steady(2.8), steady(2.1)], 3),
    "a surge is answered at the first look": (
        3,
        [steady(2.0, demand_short=3.5, variance=0.1)],
        5,
    ),
    "chance is not, and not at the tenth": (
        3,
        [steady(2.0, demand_short=3.5, variance=0.2)] * 9,
        3,
    ),
    "a crowd is answered at the first look": (2, [steady(2.9, demand_short=4.1)], 5),
    "so is a long line": (2, [steady(0, demand_short=1.0, backlog=31.0)], 5),
    "nobody grows beyond the most": (2, [steady(100.0)], 20),
    "a load that is gone takes no pod away at once": (5, [steady(0.0)] * 299, 5),
    "but after the window it does": (5, [steady(0.0)] * 301, 1),
    "down to what the window needed most": (5, [steady(0.0), steady(1.9), *[steady(0)] * 299], 3),
    "nobody shrinks below the least": (1, [steady(0.0)] * 400, 1),
    "no data: the size is held": (5, [Figures(silent=5)] * 1000, 5),
    "no pod yet: the size is held": (5, [Figures()] * 1000, 5),
    "who says nothing may be busy": (5, [steady(0.0, silent=3)] * 301, 3),
    "who says nothing adds no pod": (2, [steady(1.4, silent=3)] * 10, 2),
}


@pytest.mark.parametrize(("size", "loads", "pods"), DECISIONS.values(), ids=DECISIONS)
def test_the_size(size: int, loads: list[Figures], pods: int) -> None:
    assert look(*loads, size=size)[0].pods == pods


RULED: dict[str, tuple[Rules, int, Figures, int, str]] = {
    "spec.replicas fixes the size, whatever the load": (
        Rules(fixed=3),
        3,
        steady(100.0),
        3,
        "",
    ),
    "a model that is parked stays so": (Rules(fixed=0), 0, steady(0.0), 0, ""),
    "fewer than the least are made up at once": (
        Rules(least=4),
        1,
        steady(0.0),
        4,
        "minReplicas asks for 4",
    ),
    "more than the most go at once": (Rules(most=2), 5, steady(9.0), 2, "maxReplicas allows 2"),
    "without data the bounds hold all the same": (Rules(most=2), 5, Figures(), 2, "no pod tells"),
    "with more at least than at most, the least": (Rules(least=4, most=2), 3, steady(0.0), 4, ""),
    "from no pod on, as many as are called for": (Rules(), 0, steady(0.0), 1, ""),
    "a queue is told of in numbers": (
        RULES,
        2,
        steady(1.0, capacity=0.5, queued=7, demand_short=1.25, backlog=3.0),
        2,
        "demand 1.00 session-seconds a second, 1.25 of late, 7 queued; a pod does 0.50 and shall "
        "be 70% busy: 2.9 pods, to work off 3.0 s in 10 s among others",
    ),
    "what stays for the window's sake is said": (RULES, 9, steady(1.0), 9, "9 stay until 300 s"),
    "who tells nothing is told of": (RULES, 2, steady(1.4, silent=1), 2, "1 tell nothing"),
}


@pytest.mark.parametrize(("rules", "size", "figures", "pods", "reason"), RULED.values(), ids=RULED)
def test_the_size_and_why(
    rules: Rules, size: int, figures: Figures, pods: int, reason: str
) -> None:
    decided, _ = look(figures, size=size, rules=rules)
    assert decided.pods == pods
    assert reason in decided.reason


def test_what_the_cache_saves_counts_where_it_is_about_to_go() -> None:
    figures = without_cache(steady(0.7, saved=2.1))
    assert needed(RULES, figures) == pytest.approx(4.0)


def test_a_new_operator_takes_no_pod_away_before_it_has_looked_for_a_window() -> None:
    """A restart forgets what was needed; what there is stands for it."""
    assert look(*[steady(0.0)] * 300, size=8)[0].pods == 8
    assert look(*[steady(0.0)] * 302, size=8)[0].pods == 1


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(lambda t: 3.0, id="constant"),
        pytest.param(lambda t: 3.0 if t % 120 < 60 else 0.5, id="on and off"),
        pytest.param(lambda t: t / 100, id="growing"),
    ],
)
def test_what_is_remembered_is_bounded(load: Callable[[int], float]) -> None:
    memory, size = Memory(), 1
    for second in range(2000):
        decided, memory = decide(RULES, size, steady(load(second)), float(second), memory)
        size = decided.pods
        assert len(memory.needs) <= RULES.most + 2
