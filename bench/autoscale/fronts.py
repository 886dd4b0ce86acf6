"""PURE. Points of (violations, pods), and whether one lies on or below another's front."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

ERRORS: Final = 2.0  # standard errors, within which two points are not told apart


@dataclass(frozen=True, slots=True)
class Point:
    """One policy at one target under one shape: a figure for each seed, in the same order.

    ``violations`` is the share of requests that were refused or answered too late, ``pods`` the
    pod-seconds over the seconds, ``changes`` those of the size in ten minutes.
    """

    policy: str
    target: float
    violations: tuple[float, ...]
    pods: tuple[float, ...]
    changes: tuple[float, ...]

    @property
    def mean(self) -> tuple[float, float]:
        """Violations and pods, over all seeds."""
        return statistics.fmean(self.violations), statistics.fmean(self.pods)


def beats(one: Point, other: Point) -> bool:
    """Whether one has fewer violations *and* fewer pods than the other, both by more than noise."""
    return _less(one.violations, other.violations) and _less(one.pods, other.pods)


def beaten_by(point: Point, peers: Iterable[Point]) -> list[Point]:
    """Who of these lies below it; it lies on or below their front where nobody does."""
    return [peer for peer in peers if beats(peer, point)]


def _less(one: Sequence[float], other: Sequence[float]) -> bool:
    """Seed by seed, since a seed is the same load for everybody."""
    gaps = [there - here for here, there in zip(one, other, strict=True)]
    error = statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
    return statistics.fmean(gaps) > ERRORS * error


def front(points: Iterable[Point]) -> list[tuple[float, float]]:
    """The means that no other mean is better than in both, from the fewest violations on."""
    kept: list[tuple[float, float]] = []
    for mean in sorted(point.mean for point in points):
        if not kept or mean[1] < kept[-1][1]:
            kept.append(mean)
    return kept


def beside(point: Point, peers: Iterable[Point]) -> float:
    """Its pods over those that the peers' front has at as many violations, on a straight line from
    one of its points to the next; NaN beyond either end."""
    violations, pods = point.mean
    line = front(peers)
    for (few, dear), (many, cheap) in pairwise(line):
        if few <= violations <= many:
            return pods / (dear + (cheap - dear) * (violations - few) / (many - few))
    return math.nan
