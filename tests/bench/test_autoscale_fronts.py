"""Who is better than whom, and by how much."""

from __future__ import annotations

import math

import pytest

from bench.autoscale import report
from bench.autoscale.fronts import Point, beaten_by, beats, beside, front
from bench.autoscale.sweeps import SWEEPS


def point(
    violations: tuple[float, ...], pods: tuple[float, ...], policy: str = "p", target: float = 1.0
) -> Point:
    return Point(policy, target, violations, pods, (0.0,) * len(pods))


HERE = point((0.02, 0.04), (10.0, 12.0))
PAIRS: dict[str, tuple[Point, bool]] = {
    "itself": (HERE, False),
    "better in both, whatever the seed": (point((0.01, 0.03), (9.0, 11.0)), True),
    "fewer violations, more pods": (point((0.01, 0.03), (11.0, 13.0)), False),
    "fewer pods, more violations": (point((0.03, 0.05), (9.0, 11.0)), False),
    "as many pods": (point((0.01, 0.03), (10.0, 12.0)), False),
    "better by chance": (point((0.01, 0.05), (9.0, 11.0)), False),
}


@pytest.mark.parametrize(("other", "better"), PAIRS.values(), ids=PAIRS)
def test_who_is_better_in_both(other: Point, better: bool) -> None:
    assert beats(other, HERE) is better
    assert beaten_by(HERE, [other]) == ([other] if better else [])


LINE = [point((0.04,), (8.0,)), point((0.02,), (12.0,)), point((0.05,), (9.0,))]


def test_a_front_has_who_is_not_beaten() -> None:
    assert front(LINE) == [(0.02, 12.0), (0.04, 8.0)]


@pytest.mark.parametrize(
    ("violations", "ratio"),
    [
        pytest.param(0.02, 0.5, id="at its end"),
        pytest.param(0.03, 0.6, id="half way between two of its points"),
        pytest.param(0.01, math.nan, id="with fewer violations than anybody there"),
        pytest.param(0.05, math.nan, id="with more"),
    ],
)
def test_pods_beside_those_of_a_front(violations: float, ratio: float) -> None:
    assert beside(point((violations,), (6.0,)), LINE) == pytest.approx(ratio, nan_ok=True)


def everybody(*frazil: Point) -> list[Point]:
    peers = [point((0.02, 0.02), (10.0, 10.0), name, 0.5) for name in SWEEPS if name != "Frazil"]
    return [*frazil, *peers]


def test_the_tables_tell_who_is_above_whom() -> None:
    low = point((0.01, 0.01), (8.0, 8.0), "Frazil", 0.7)
    high = point((0.03, 0.03), (12.0, 12.0), "Frazil", 0.8)
    table = report.curves_table(everybody(low, high)).splitlines()
    assert "above" not in table[2]
    assert table[3].startswith("| 0.8 | 3.00% | 12.00 | beyond (above 0.5)")
    said = report.verdict({"step": everybody(low, high)}, {(1.0, 0.1): everybody(low)})
    assert said.startswith("1 of 2 points on or below every front; at most 0.00 changes")
