"""PURE. The shapes of load that a fleet is simulated under, and requests that make them up.

A shape gives the demand of each second, in session seconds a second: as many pods are busy. An hour
of it is an hour; of a day only the shape is kept, and put into one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Shape = Callable[[int, np.random.Generator], Array]  # (seconds, chance) to a demand for each

LOW: Final = 2.0  # session seconds a second, between the peaks
HIGH: Final = 8.0
SPREAD: Final = 0.5  # of the requests' costs: standard deviation over mean
_HALF_PERIOD: Final = 300  # seconds, of the square wave
_APART: Final = 400.0  # seconds between spikes, on average
_LASTING: Final = (20, 90)  # seconds, from the shortest to the longest
_NOISE: Final = 0.12  # of the daily curve, relative
_FADING: Final = 60.0  # seconds that it lasts


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests in the order they come: when, in seconds, and what each costs in session seconds.

    ``chances`` has a number from 0 to 1 for each, that decides who of the ready pods gets it.
    """

    times: list[float]
    costs: list[float]
    chances: list[float]


def arrivals(demand: Array, cost: float, chance: np.random.Generator) -> Arrivals:
    """Poisson arrivals of that demand in each second; ``cost`` is the mean of a gamma distribution
    whose deviation is SPREAD times that."""
    counts = chance.poisson(demand / cost)
    total = int(counts.sum())
    times = np.repeat(np.arange(demand.size, dtype=np.float64), counts) + chance.random(total)
    shape = 1 / SPREAD**2
    costs = chance.gamma(shape, cost / shape, total)
    return Arrivals(np.sort(times).tolist(), costs.tolist(), chance.random(total).tolist())


def constant(demand: float) -> Shape:
    """The same all the time."""
    return lambda seconds, chance: np.full(seconds, demand)


def step(seconds: int, chance: np.random.Generator) -> Array:
    """Up at once after a quarter, and down after three."""
    at = np.arange(seconds) / seconds
    return np.where((at >= 0.25) & (at < 0.75), HIGH, LOW)


def ramp(seconds: int, chance: np.random.Generator) -> Array:
    """Evenly up to the middle, and down again."""
    at = np.arange(seconds) / seconds
    return LOW + (HIGH - LOW) * (1 - np.abs(2 * at - 1))


def square(seconds: int, chance: np.random.Generator) -> Array:
    """Five minutes low, five minutes high."""
    return np.where(np.arange(seconds) // _HALF_PERIOD % 2, HIGH, LOW)


def spikes(seconds: int, chance: np.random.Generator) -> Array:
    """Low, and now and then high for a short time."""
    demand = np.full(seconds, LOW)
    at = chance.exponential(_APART)
    while at < seconds:
        lasting = chance.integers(*_LASTING)
        demand[int(at) : int(at) + lasting] = chance.uniform(0.5, 1.0) * HIGH
        at += lasting + chance.exponential(_APART)
    return demand


def daily(seconds: int, chance: np.random.Generator) -> Array:
    """A night, a day with two humps, and noise that lasts a while."""
    at = 2 * np.pi * np.arange(seconds) / seconds
    curve = 0.5 - 0.5 * np.cos(at) - 0.15 * np.cos(2 * at + 0.5)
    curve = (curve - curve.min()) / (curve.max() - curve.min())
    noise, kept = np.empty(seconds), np.exp(-1 / _FADING)
    noise[0] = chance.normal()
    for second, shock in enumerate(chance.normal(size=seconds - 1), 1):
        noise[second] = kept * noise[second - 1] + np.sqrt(1 - kept**2) * shock
    demand = (LOW / 2 + (HIGH - LOW / 2) * curve) * np.exp(_NOISE * noise)
    return np.asarray(demand, np.float64)


SHAPES: Final[dict[str, Shape]] = {
    "step": step,
    "ramp": ramp,
    "square": square,
    "spikes": spikes,
    "daily": daily,
}
