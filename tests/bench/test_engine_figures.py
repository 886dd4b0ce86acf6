"""What a load comes to, and what that is beside its bar."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.engine.figures import (
    Bar,
    Cell,
    Repeat,
    Spent,
    cell,
    median,
    over_floor,
    quotient,
    ratio,
    typical,
)
from bench.engine.generator import Flow, Outcome

NAN = math.nan


def flow(*answers: tuple[float, int], missed: int = 0) -> Flow:
    """Answers as (latency, status)."""
    latency, status = (np.array(column, float) for column in zip(*answers, strict=True))
    return Flow(np.zeros(len(answers)), latency, status, missed)


def measured(scenario: str = "s", server: str = "frazil", **figures: float) -> Cell:
    known = dict.fromkeys(("rate", "prompt", "p50", "p99", "mean", "cpu", "generator", "others"), 1)
    return Cell(scenario, server, **(known | figures))  # type: ignore[arg-type]


def repeat(*cells: Cell, **floor: float) -> Repeat:
    return Repeat({(one.scenario, one.server): one for one in cells}, floor)


class TestCell:
    """One load on one server."""

    def cell(self, *flows: Flow, spent: Spent | None = None) -> Cell:
        outcome = Outcome(flows, busy=0.25, lone=0.5)
        spent = spent or Spent(server=1.0, machine=2.5, available=8.0)
        return cell("s", "frazil", outcome, spent, seconds=4.0)

    def test_rates_are_of_good_answers_and_prompt_ones_of_those_within_a_second(self) -> None:
        found = self.cell(flow((0.1, 200), (1.0, 200), (1.1, 200), (0.0, 429)))
        assert (found.rate, found.prompt, found.refused) == (0.75, 0.5, 1)

    def test_cpu_is_of_every_answer_and_what_is_refused_is_one(self) -> None:
        assert self.cell(flow((0.1, 200), (0.1, 429), (0.1, 400))).cpu == pytest.approx(1e6 / 3)

    def test_latency_is_of_the_first_stream_and_rates_are_of_all(self) -> None:
        found = self.cell(flow((0.1, 200), missed=2), flow((3.0, 200), missed=3))
        assert (found.p50, found.p99, found.mean, found.large_p99) == (0.1, 0.1, 0.1, 3.0)
        assert (found.rate, found.missed) == (0.5, 5)

    def test_others_had_what_neither_server_nor_generator_used(self) -> None:
        assert self.cell(flow((0.1, 200))).others == (2.5 - 1.0 - 4 * 0.25) / 8

    def test_the_wait_is_the_mean_of_those_in_line(self) -> None:
        later = Spent(3.0, 5.0, 18.0, queued=30, waited=4.0)
        spent = later - Spent(2.0, 2.5, 10.0, queued=10, waited=2.0)
        assert self.cell(flow((0.1, 200)), spent=spent).wait == 0.1

    def test_where_nothing_was_good_no_latency_is_known(self) -> None:
        found = self.cell(flow((0.1, 429)))
        assert found.rate == 0
        assert all(math.isnan(value) for value in (found.p50, found.mean, found.wait))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([3, 1, 2], 2, id="of three"),
        pytest.param([3, NAN, 1], 2, id="of those that were measured"),
        pytest.param([NAN], NAN, id="of none"),
    ],
)
def test_a_median_is(values: list[float], expected: float) -> None:
    assert median(values) == pytest.approx(expected, nan_ok=True)


def test_what_is_typical_is_the_median_of_each_figure() -> None:
    repeats = [repeat(measured(p50=p50, wait=NAN)) for p50 in (1.0, 3.0, 2.0)]
    (row,) = typical(repeats)
    assert (row["scenario"], row["server"], row["p50"]) == ("s", "frazil", 2.0)
    assert math.isnan(float(row["wait"]))


CELLS = (
    measured("a", "frazil", rate=30, p50=2, cpu=130),
    measured("a", "bare", rate=10),
    measured("b", "frazil", lone=6),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(ratio("rate", "a", "frazil", "bare"), 3, id="of two servers"),
        pytest.param(
            quotient(("lone", "b", "frazil"), ("p50", "a", "frazil")), 3, id="of two scenarios"
        ),
        pytest.param(ratio("rate", "b", "frazil", "bare"), NAN, id="unknown without the other"),
        pytest.param(over_floor("a", "frazil", "image"), 1.3, id="over the floor"),
        pytest.param(over_floor("a", "frazil", "none"), NAN, id="unknown without a floor"),
    ],
)
def test_a_ratio_is(value: Callable[[Repeat], float], expected: float) -> None:
    assert value(repeat(*CELLS, image=100)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("sign", "value", "met"),
    [("≥", 2.0, True), ("≥", 1.9, False), ("≤", 2.0, True), ("≤", 2.1, False)],
)
def test_a_bar_is_met_at_its_bound(sign: str, value: float, met: bool) -> None:
    assert Bar("", sign, 2.0, lambda _: value).met(value) is met


def test_a_ratio_is_taken_in_each_repeat_before_the_median() -> None:
    rates = ((10, 1), (100, 50), (30, 10))  # the machine was faster in the second
    repeats = [
        repeat(measured(rate=ours), measured(server="bare", rate=theirs)) for ours, theirs in rates
    ]
    assert Bar("", "≥", 1.0, ratio("rate", "s", "frazil", "bare")).judge(repeats) == 3
