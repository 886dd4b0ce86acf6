"""The simulated fleet: nobody is lost, nobody is served by a pod that only starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.autoscale.fleet import Fleet, Outcome, Seen, Terms, simulate
from bench.autoscale.loads import SHAPES, Arrivals, Shape, arrivals, constant

TERMS = Terms(start=3.0, max_wait=1.0, slo=0.5)


def requests(*times: float, cost: float = 0.1) -> Arrivals:
    """Of one cost; each goes to the first ready pod."""
    return Arrivals(list(times), [cost] * len(times), [0.0] * len(times))


def steady(pods: int) -> Steps:
    return Steps((0.0, pods))


class Steps:
    """A policy that was told beforehand: (from when on, so many pods)."""

    def __init__(self, *steps: tuple[float, int]) -> None:
        self._steps = steps
        self.seen: list[list[Seen]] = []

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        self.seen.append(list(pods))
        return [pods for since, pods in self._steps if since <= now][-1]


def played(load: Arrivals, policy: Steps, size: int = 1, seconds: int = 10) -> Outcome:
    return simulate(load, policy, size=size, seconds=seconds, terms=TERMS)


FATES: dict[str, tuple[list[float], float, tuple[int, int, int]]] = {
    "nobody comes": ([], 0.1, (0, 0, 0)),
    "who comes alone is in time": ([0.0, 1.0], 0.1, (2, 0, 0)),
    "who waits too long is late": ([0.0, 0.0, 0.0], 0.2, (3, 0, 1)),
    "who would wait too long by what a pod counts on, is refused": (
        [0.0, 0.0, 0.0, 0.0],
        0.4,
        (3, 1, 2),
    ),
    "whose own run takes too long is late": ([0.0], 0.6, (1, 0, 1)),
}


@pytest.mark.parametrize(("times", "cost", "fate"), FATES.values(), ids=FATES)
def test_what_becomes_of_a_request(
    times: list[float], cost: float, fate: tuple[int, int, int]
) -> None:
    outcome = played(requests(*times, cost=cost), steady(1))
    assert (outcome.answered, outcome.refused, outcome.late) == fate


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_request_is_answered_or_refused(shape: Shape) -> None:
    chance = np.random.default_rng(3)
    load = arrivals(shape(300, chance), 0.1, chance)
    outcome = played(load, Steps((0.0, 3), (60.0, 12), (200.0, 2)), size=2, seconds=300)
    assert outcome.requests == len(load.times) == outcome.answered + outcome.refused
    assert outcome.refused, "or it was too easy"


def test_a_pod_that_starts_serves_nothing_yet() -> None:
    policy = Steps((1.0, 2))
    load = Arrivals([2.5, 4.5], [0.9, 0.9], [0.99, 0.99])  # to the last of the ready ones
    played(load, policy, seconds=5)
    third, last = policy.seen[2], policy.seen[4]
    assert [(pod.ready, pod.ongoing) for pod in third] == [(True, 1), (False, 0)]
    assert [(pod.ready, pod.ongoing) for pod in last] == [(True, 0), (True, 1)]


COSTS: dict[str, tuple[Steps, list[float], float]] = {
    "a pod counts as long as it is there": (steady(1), [], 10.0),
    "from its order on, while it starts": (Steps((0.0, 1), (4.0, 2)), [], 16.0),
    "until it is taken away": (Steps((0.0, 2), (5.0, 1)), [], 15.0),
    "or has finished what it had": (Steps((0.0, 2), (5.0, 1)), [4.9], 15.7),
}


@pytest.mark.parametrize(("policy", "times", "pod_seconds"), COSTS.values(), ids=COSTS)
def test_what_pods_are_counted_for(policy: Steps, times: list[float], pod_seconds: float) -> None:
    load = Arrivals(times, [0.8] * len(times), [0.99] * len(times))
    size = 1 if policy(0.0, 0, []) == 1 else 2
    outcome = played(load, policy, size=size)
    assert outcome.pod_seconds == pytest.approx(pod_seconds)
    assert outcome.answered == len(times)


def test_those_that_start_are_taken_away_first() -> None:
    fleet = Fleet(2, TERMS)
    fleet.resize(1.0, 4)
    fleet.resize(2.0, 2)
    assert [pod.name for pod in fleet.pods] == [0, 1]
    assert fleet.outcome.changes == [(1.0, 4), (2.0, 2)]


def test_what_is_seen_of_a_pod() -> None:
    policy = steady(1)
    played(requests(0.5, 0.75, cost=0.5), policy, seconds=2)
    first, second = (pods[0] for pods in policy.seen)
    assert first == Seen(
        *(0, True, 1), left=0.5, worked=0.5, occupied=0.75, asked=1.0, asked_squares=0.5
    )
    assert (second.ongoing, second.left, second.worked) == (0, 0.0, 1.0)
    assert second.occupied == pytest.approx(1.25)


def test_the_lead_counts_for_nothing() -> None:
    policy = Steps((0.0, 2), (2.0, 1))
    load = requests(0.5, 6.5)
    outcome = simulate(load, policy, size=2, seconds=10, lead=5, terms=TERMS)
    assert (outcome.requests, outcome.pod_seconds, outcome.changes) == (1, 5.0, [])


def test_a_seed_gives_the_same_requests_and_another_one_others() -> None:
    def drawn(seed: int) -> Arrivals:
        return arrivals(np.full(60, 2.0), 0.1, np.random.default_rng(seed))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize("shape", [*SHAPES.values(), constant(3.0)], ids=[*SHAPES, "constant"])
def test_the_requests_add_up_to_the_demand(shape: Shape) -> None:
    demand = shape(3600, np.random.default_rng(5))
    load = arrivals(demand, 0.1, np.random.default_rng(5))
    assert demand.min() > 0
    assert sum(load.costs) == pytest.approx(demand.sum(), rel=0.05)
    assert load.times == sorted(load.times)
    assert load.times[0] >= 0
    assert load.times[-1] < 3600
