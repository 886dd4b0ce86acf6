"""PURE. What was measured, and what that comes to beside the bars.

A ratio is taken within one repeat, whose servers ran one after the other on the same machine; the
figure is the median of the repeats' ratios.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.engine.generator import Flow, Outcome
from frazil_runtime.client.samples import percentiles, summarise

PROMPT: Final = 1.0  # seconds, within which an answer is still worth something
NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Cell:
    """One load on one server. NaN is what was not measured.

    ``rate``: good answers a second; ``prompt``: those of them within PROMPT. ``p50``, ``p99``,
    ``mean``: seconds, of the good answers to the first stream; ``large_p99``: to the second.
    ``wait``: seconds in the engine's queue, the mean of all requests. ``cpu``: the server's,
    microseconds an answer. ``generator``: its share of its core; ``others``: what neither it nor
    the server used, as a share of the machine. ``lone``: see ``generator.Outcome``.
    """

    scenario: str
    server: str
    rate: float
    prompt: float
    p50: float
    p99: float
    mean: float
    cpu: float
    generator: float
    others: float
    refused: int = 0
    errors: int = 0
    missed: int = 0
    large_p99: float = NAN
    wait: float = NAN
    lone: float = NAN


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU, the server's and the whole machine's, and seconds that there were, of all
    cores together; ``queued`` requests that waited, for ``waited`` seconds together."""

    server: float
    machine: float
    available: float
    queued: int = 0
    waited: float = 0.0

    def __sub__(self, before: Spent) -> Spent:
        """Of the time between."""
        return Spent(
            self.server - before.server,
            self.machine - before.machine,
            self.available - before.available,
            self.queued - before.queued,
            self.waited - before.waited,
        )


@dataclass(frozen=True, slots=True)
class Repeat:
    """The cells by scenario and server; ``floor``: the least CPU of a row, in microseconds."""

    cells: Mapping[tuple[str, str], Cell]
    floor: Mapping[str, float]  # by model


def cell(scenario: str, server: str, outcome: Outcome, spent: Spent, *, seconds: float) -> Cell:
    """What a load of ``seconds`` on one server comes to."""
    parts = [summarise(flow.latency, flow.status, seconds) for flow in outcome.flows]
    answers = sum(part.good + part.refused + part.errors for part in parts)
    first, *rest = [flow.latency[flow.status == 200] for flow in outcome.flows]
    p50, p99 = percentiles(first, (50, 99))
    others = spent.machine - spent.server - outcome.busy * seconds
    return Cell(
        scenario,
        server,
        rate=sum(part.rate for part in parts),
        prompt=sum(_prompt(flow) for flow in outcome.flows) / seconds,
        p50=p50,
        p99=p99,
        mean=float(first.mean()) if first.size else NAN,
        cpu=1e6 * spent.server / answers if answers else NAN,
        generator=outcome.busy,
        others=max(0.0, others / spent.available),
        refused=sum(part.refused for part in parts),
        errors=sum(part.errors for part in parts),
        missed=sum(flow.missed for flow in outcome.flows),
        large_p99=percentiles(rest[0], (99,))[0] if rest else NAN,
        wait=spent.waited / spent.queued if spent.queued else NAN,
        lone=outcome.lone,
    )


def _prompt(flow: Flow) -> int:
    return int(((flow.status == 200) & (flow.latency <= PROMPT)).sum())


def median(values: Iterable[float]) -> float:
    """Of those that were measured; NaN of none."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else NAN


def typical(repeats: Sequence[Repeat]) -> list[dict[str, float | str]]:
    """For each scenario and server, the median of every figure over the repeats."""
    rows: list[dict[str, float | str]] = []
    for scenario, server in repeats[0].cells if repeats else ():
        cells = [found for r in repeats if (found := r.cells.get((scenario, server)))]
        figures = {
            name: median(float(getattr(one, name)) for one in cells)
            for name in Cell.__dataclass_fields__
            if name not in ("scenario", "server")
        }
        rows.append({"scenario": scenario, "server": server} | figures)
    return rows


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: ``value`` of a repeat is at least or at most ``bound``."""

    what: str
    sign: str  # ≥ or ≤
    bound: float
    value: Callable[[Repeat], float]

    def judge(self, repeats: Sequence[Repeat]) -> float:
        """The median over the repeats; NaN where it was not measured."""
        return median(map(self.value, repeats))

    def met(self, value: float) -> bool:
        """Whether that is enough."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound


def ratio(figure: str, scenario: str, server: str, other: str) -> Callable[[Repeat], float]:
    """One figure of two servers in one scenario, the first's over the second's."""
    return quotient((figure, scenario, server), (figure, scenario, other))


def quotient(above: tuple[str, str, str], below: tuple[str, str, str]) -> Callable[[Repeat], float]:
    """Two figures, each of a scenario and a server, the one over the other."""

    def value(repeat: Repeat) -> float:
        found = [
            float(getattr(one, figure)) if (one := repeat.cells.get((scenario, server))) else NAN
            for figure, scenario, server in (above, below)
        ]
        return found[0] / found[1] if found[1] else NAN

    return value


def over_floor(scenario: str, server: str, model: str) -> Callable[[Repeat], float]:
    """CPU of a request of one row, over the floor's of a row."""

    def value(repeat: Repeat) -> float:
        found = repeat.cells.get((scenario, server))
        return found.cpu / repeat.floor.get(model, NAN) if found else NAN

    return value
