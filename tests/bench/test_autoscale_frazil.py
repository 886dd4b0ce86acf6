"""Frazil's own decisions on a simulated fleet: what the product promises of them."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from bench.autoscale.fleet import Outcome, Seen, simulate
from bench.autoscale.frazil import Frazil, Meter
from bench.autoscale.loads import Arrivals, arrivals, constant, step
from bench.autoscale.sweeps import FRAZIL, SWEEPS
from frazil_operator.autoscale.decide import Rules
from frazil_runtime.contract.load import Load


def run(mean: float, cost: float, seed: int) -> Outcome:
    """Half an hour after ten minutes, at the defaults."""
    chance = np.random.default_rng(seed)
    load = arrivals(constant(mean)(2400, chance), cost, chance)
    size = math.ceil(mean / 0.7)
    return simulate(load, Frazil(Rules(most=40)), size=size, seconds=2400, lead=600)


@pytest.mark.parametrize(("mean", "cost"), [(0.3, 0.5), (1.0, 0.1), (2.2, 0.5)])
def test_a_load_of_constant_mean_changes_the_size_once_in_ten_minutes_at_most(
    mean: float, cost: float
) -> None:
    changes = [len(run(mean, cost, seed).changes) for seed in range(3)]
    assert statistics.fmean(changes) <= 3


def test_the_same_seed_comes_to_the_same() -> None:
    assert run(1.0, 0.5, 7) == run(1.0, 0.5, 7)
    assert run(1.0, 0.5, 7) != run(1.0, 0.5, 8)


def test_four_times_the_load_has_its_pods_within_a_few_seconds() -> None:
    chance = np.random.default_rng(1)
    load = arrivals(step(400, chance), 0.1, chance)
    changes = simulate(load, Frazil(Rules(most=40)), size=3, seconds=200).changes
    asked = [(when, pods) for when, pods in changes if when > 100]
    assert asked[0][0] <= 103
    assert max(pods for when, pods in asked if when <= 108) >= 0.8 * 8 / 0.7


def test_a_pod_tells_what_came_in_the_seconds_before() -> None:
    meter = Meter()
    meter.load(1.0, Seen(0, asked=0.0))
    told = meter.load(2.0, Seen(0, ongoing=3, left=0.4, asked=0.6, asked_squares=0.12))
    assert told == Load(
        *(2, 1, 0.4, 0.5),
        demand_short=pytest.approx(0.1),
        demand_long=pytest.approx(0.01),
        capacity=1.0,
        variance_short=pytest.approx(0.12 / 36),
    )


@pytest.mark.parametrize("policy", [name for name in SWEEPS if name != FRAZIL])
def test_a_peer_grows_with_its_load_too(policy: str) -> None:
    """Or it would be easy to be better than it."""
    chance = np.random.default_rng(1)
    load: Arrivals = arrivals(step(1600, chance), 0.1, chance)
    sweep = SWEEPS[policy]
    outcome = simulate(load, sweep.make(sweep.usual), size=4, seconds=700)
    assert max(pods for _, pods in outcome.changes) >= 8
