"""PURE. How many pods a model needs: from what they say of their load, and what was decided before.

The size follows demand, so that it stands still while the load does, and the queue corrects it::

    need = max(demand / (targetUtilization x capacity),
               (demand + backlog / 10 s) / capacity)      pods

All in session seconds a second. ``demand`` is that of the last 60 s; that of the last 6 s where
more has come in them than chance explains, for then the minute before tells nothing any more.
``backlog`` counts while the wait is over targetWaitSeconds.
Published autoscalers that this takes after, in parts: the dead band and the window of the largest
recent need of Kubernetes' HorizontalPodAutoscaler, the long and the short window of Knative's KPA.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from frazil_runtime.contract.load import Load

BACKLOG_SECONDS: Final = 10.0  # in which what waits shall be worked off
TOLERANCE: Final = 0.1  # of the size: so far beyond it the need may be, and nothing is changed
CROWD: Final = 2.0  # times what all pods can do: then one look is enough
SURE: Final = 4.0  # standard deviations above what came before: that is no chance any more


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user says. ``fixed``: so many pods, whatever the load."""

    least: int = 1
    most: int = 10
    utilization: float = 0.7
    wait_seconds: float = 0.5
    scale_in_seconds: float = 300.0
    fixed: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier decisions are remembered by.

    ``needs`` has when each look of the last ``scale_in_seconds`` was and how many pods it called
    for, without those that a later one called for as many as. ``asked`` is how many more than the
    size the look before called for; the size, or fewer, where it did not.
    """

    needs: tuple[tuple[float, int], ...] = ()
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The load of all pods together. ``capacity`` is one pod's; seconds are session seconds.

    ``silent`` pods should have told their load, and have not. ``variance`` is that of
    ``demand_short`` by chance, 0 where nobody knows.
    """

    pods: int = 0
    silent: int = 0
    queued: int = 0
    running: int = 0
    wait_seconds: float = 0.0  # the longest
    backlog: float = 0.0
    demand_short: float = 0.0
    demand_long: float = 0.0
    saved: float = 0.0
    capacity: float = 1.0
    requests_per_second: float = 0.0
    hits_per_second: float = 0.0
    latency_p99: float = 0.0  # the longest
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many pods there shall be, and in a sentence why; "" where the user says so."""

    pods: int
    reason: str


def sum_up(rules: Rules, loads: Sequence[Load], silent: int = 0) -> Figures:
    """All pods' loads as one. The capacity is the median of those that were measured, so that one
    pod's lie changes nothing, nor one that has just been started; until then the slots."""
    if not loads:
        return Figures(silent=silent)
    wait = max(load.wait_seconds for load in loads)
    waiting = sum(load.queued_seconds for load in loads)
    return Figures(
        pods=len(loads),
        silent=silent,
        queued=sum(load.queued for load in loads),
        running=sum(load.running for load in loads),
        wait_seconds=wait,
        backlog=waiting if wait > rules.wait_seconds else 0.0,
        demand_short=sum(load.demand_short for load in loads),
        demand_long=sum(load.demand_long for load in loads),
        saved=sum(load.saved_long for load in loads),
        variance=sum(load.variance_short for load in loads),
        capacity=_median(load.capacity for load in loads) or _median(x.slots for x in loads) or 1.0,
        requests_per_second=sum(load.requests_per_second for load in loads),
        hits_per_second=sum(load.hits_per_second for load in loads),
        latency_p99=max(load.latency_p99 for load in loads),
    )


def without_cache(figures: Figures) -> Figures:
    """The load as it would be if the output cache saved nothing."""
    return replace(
        figures,
        demand_short=figures.demand_short + figures.saved,
        demand_long=figures.demand_long + figures.saved,
    )


def decide(
    rules: Rules, size: int, figures: Figures, now: float, memory: Memory
) -> tuple[Size, Memory]:
    """The size from now on; ``size`` is that of now, pods that start included. ``now`` is seconds
    of a clock that never goes back."""
    if rules.fixed is not None:
        return Size(rules.fixed, ""), Memory()
    if not memory.needs:
        memory = Memory(((now, size),))  # what was decided before this clock began, holds on
    if not figures.pods:
        return Size(within(rules, size), _held(size)), memory
    need = needed(rules, figures)
    called = _called(need, size)
    # A pod that says nothing may have all the work that it can do.
    needs = _remembered(memory.needs, now, _called(need + figures.silent, size))
    recent = tuple(entry for entry in needs if now - entry[0] < rules.scale_in_seconds)
    if called > size:
        sure = surges(figures) or pressing(figures) > CROWD * size
        pods = called if sure else max(size, min(called, memory.asked))
    else:
        pods = min(size, max(need for _, need in recent))
    return Size(within(rules, pods), _because(rules, figures, need, pods)), Memory(recent, called)


def needed(rules: Rules, figures: Figures) -> float:
    """How many pods the load calls for, not rounded."""
    demand = figures.demand_short if surges(figures) else figures.demand_long
    busy = max(demand / rules.utilization, demand + figures.backlog / BACKLOG_SECONDS)
    return busy / figures.capacity


def surges(figures: Figures) -> bool:
    """Whether more has come of late than in the last minute, and chance does not explain it.

    A confidence bound of the short window says so; where the variance is not known, twice as much.
    """
    if not figures.variance:
        return figures.demand_short > CROWD * figures.demand_long
    least = figures.demand_short - SURE * math.sqrt(figures.variance)
    return least > figures.demand_long


def pressing(figures: Figures) -> float:
    """How many pods have all the work they can do with what came just now, and what waits."""
    return (figures.demand_short + figures.backlog / BACKLOG_SECONDS) / figures.capacity


def _median(figures: Iterable[float]) -> float:
    """Of those that are not 0; 0 where there is none."""
    known = [figure for figure in figures if figure]
    return float(median(known)) if known else 0.0


def _called(need: float, size: int) -> int:
    """The need in whole pods; the size where it is as good as that."""
    if abs(need - size) <= TOLERANCE * size:
        return size
    return max(1, math.ceil(need - 1e-9))  # 2.1 / 0.7 is a little more than 3


def _remembered(
    needs: tuple[tuple[float, int], ...], now: float, called: int
) -> tuple[tuple[float, int], ...]:
    """One look more; those before it that called for no more will never be the largest again."""
    return (*(entry for entry in needs if entry[1] > called), (now, called))


def within(rules: Rules, pods: int) -> int:
    """So many pods, no fewer than the least and no more than the most."""
    return min(max(pods, rules.least), max(rules.least, rules.most))


def _held(size: int) -> str:
    return f"no pod tells its load: the size stays at {size}"


def _because(rules: Rules, figures: Figures, need: float, pods: int) -> str:
    """The decision in numbers, and what bounds it."""
    said = (
        f"demand {figures.demand_long:.2f} session-seconds a second, {figures.demand_short:.2f} of "
        f"late, {figures.queued} queued; a pod does {figures.capacity:.2f} and shall be "
        f"{rules.utilization:.0%} busy: {need:.1f} pods"
    )
    if figures.backlog:
        said += f", to work off {figures.backlog:.1f} s in {BACKLOG_SECONDS:.0f} s among others"
    if pods > rules.most:
        return f"{said}; scaling.maxReplicas allows {rules.most}"
    if pods < rules.least:
        return f"{said}; scaling.minReplicas asks for {rules.least}"
    if pods > need / (1 - TOLERANCE) + 1:
        said += f"; {pods} stay until {rules.scale_in_seconds:.0f} s have needed fewer"
    if figures.silent:
        said += f"; {figures.silent} tell nothing and count as busy"
    return said
