"""Runs the grid: every shape, policy, target and seed. All policies meet the same requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from bench.autoscale.fleet import Outcome, simulate
from bench.autoscale.fronts import Point
from bench.autoscale.loads import SHAPES, Arrivals, Shape, arrivals, constant
from bench.autoscale.sweeps import SWEEPS

COST: Final = 0.1  # session seconds of a request
LEAD: Final = 120  # seconds until the counting begins
SETTLING: Final = 600  # likewise, where the size is to stand still: longer than scale-in waits
# Session seconds a second, of constant loads: at 70 % what 0.4 pods do, very nearly one, 1.4, and
# so on. Where the need is nearly whole, chance tips it over most easily.
MEANS: Final = (0.3, 0.68, 1.0, 2.2, 4.2, 6.0)
COSTS: Final = (0.02, 0.1, 0.5)  # session seconds of their requests
TEN_MINUTES: Final = 600

Done = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Length:
    """How often each run is made, and for how many seconds."""

    seeds: int = 5
    seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Load:
    """``cost`` session seconds a request; the first ``lead`` seconds count for nothing."""

    shape: Shape
    cost: float
    lead: int


def points(shape: str, length: Length, done: Done) -> Iterator[Point]:
    """Everybody under one shape; ``done`` is called after each run."""
    load = Load(SHAPES[shape], COST, LEAD)
    for policy, sweep in SWEEPS.items():
        for target in sweep.targets:
            yield _point(policy, target, load, length, done)


def still(mean: float, cost: float, length: Length, done: Done) -> Iterator[Point]:
    """Everybody's usual target under a load of constant mean."""
    load = Load(constant(mean), cost, SETTLING)
    for policy, sweep in SWEEPS.items():
        yield _point(policy, sweep.usual, load, length, done)


def runs(shapes: int, constants: int, seeds: int) -> int:
    """How many there are."""
    targets = sum(len(sweep.targets) for sweep in SWEEPS.values())
    return seeds * (targets * shapes + len(SWEEPS) * constants)


def _point(policy: str, target: float, load: Load, length: Length, done: Done) -> Point:
    outcomes: list[Outcome] = []
    for seed in range(length.seeds):
        came, size = _requests(load, seed, length.seconds)
        one, lead = SWEEPS[policy].make(target), load.lead
        outcomes.append(simulate(came, one, size=size, seconds=length.seconds, lead=lead))
        done()
    counted = length.seconds - load.lead
    return Point(
        policy,
        target,
        tuple(one.violations for one in outcomes),
        tuple(one.pod_seconds / counted for one in outcomes),
        tuple(len(one.changes) * TEN_MINUTES / counted for one in outcomes),
    )


@lru_cache(maxsize=8)
def _requests(load: Load, seed: int, seconds: int) -> tuple[Arrivals, int]:
    """The same for everybody, and a size to begin with."""
    chance = np.random.default_rng(seed)
    demand = load.shape(seconds, chance)
    return arrivals(demand, load.cost, chance), math.ceil(demand[0] / 0.7)
