"""The line under load, on a clock that moves when a run takes time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fakes.sessions import MANIFEST, FakeSession

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.dispatcher import Dispatcher
from frazil_runtime.errors import InferenceError
from frazil_runtime.jobs import Hosted, Job, Result
from frazil_runtime.statistics import Statistics

KIND = (("m", "single"), ((1,),))
POLICY = Policy(number=1, max_wait_seconds=0.5)


class Bench:
    """A dispatcher, and a session of which each run takes ``seconds`` of its clock."""

    def __init__(self, slots: int, expected: float, seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.dispatcher = Dispatcher(slots, Batching(1), clock=lambda: self.now)
        self.dispatcher.apply(POLICY)
        self.dispatcher.costs.seed(KIND, {1: expected})
        self.session = FakeSession()
        self.session.before = self._run
        self.hosted = Hosted("m", MANIFEST, lambda: self.session, Statistics())

    def submit(self, value: int = 0, *, priority: int = 0, done: Done | None = None) -> Job:
        inputs, cost = [np.array([value], np.int32)], self.dispatcher.costs.of(KIND)
        ended = done or (lambda _: None)
        job = Job(self.hosted, "single", inputs, 1, KIND, False, cost, ended, priority)
        self.dispatcher.submit(job)
        return job

    def _run(self, rows: object) -> None:
        self.now += self.seconds


Done = Callable[[Result], object]


@pytest.fixture
async def benches() -> AsyncIterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.dispatcher.close()


@pytest.mark.parametrize(
    ("slots", "times", "learning"),
    [
        pytest.param(1, 3, 0.0, id="one slot, and thrice what it can do"),
        pytest.param(2, 2, 0.0, id="two slots that share a core"),
        pytest.param(4, 10, 0.5, id="four that do, and all come at once"),
    ],
)
async def test_who_is_let_in_under_overload_does_not_wait_longer_than_they_may(
    benches: list[Bench], slots: int, times: int, learning: float
) -> None:
    """``learning``: seconds after which that is so, since at first it is not known what runs cost,
    nor how many of the slots have a core."""
    seconds = 2e-3
    bench = Bench(slots, 100e-6, seconds)
    benches.append(bench)
    waits: list[float] = []
    came = refused = 0

    def done(arrived: float, result: Result) -> None:
        nonlocal refused
        refused += isinstance(result, InferenceError)
        if isinstance(result, list) and arrived >= learning:
            waits.append(bench.now - seconds - arrived)

    while bench.now < 4.0:
        while came <= bench.now * times / seconds:
            bench.submit(done=partial(done, bench.now))
            came += 1
        await asyncio.sleep(0)
    limit = POLICY.max_wait_seconds
    assert limit / 4 < max(waits) <= limit
    assert refused > came / 3
    assert len(waits) > 0.9 * (4.0 - learning - limit) / seconds, "the slots are kept busy"


async def test_equals_keep_their_order_while_what_they_cost_moves(benches: list[Bench]) -> None:
    bench = Bench(1, 1e-3, 1e-3)
    benches.append(bench)
    bench.dispatcher.apply(replace(POLICY, max_wait_seconds=3600))
    cost = bench.dispatcher.costs.of(KIND)
    for value, seconds in enumerate([1.5e-3, 0.8e-3, 0.6e-3, 1.9e-3] * 25):
        bench.submit(value)
        bench.now += 1e-6
        cost.observe(1, wall=seconds, cpu=seconds)
    line = [int(piece.job.inputs[0][0]) for piece in bench.dispatcher.scheduler]
    assert line == list(range(100))
    assert len({piece.cost for piece in bench.dispatcher.scheduler}) > 50
    for piece in list(bench.dispatcher.scheduler):
        bench.dispatcher.abandon(piece.job)
    assert (bench.dispatcher.in_flight, bench.dispatcher.scheduler.work) == (0, 0.0)


async def test_a_run_that_nobody_waited_behind_tells_nothing_of_the_pace(
    benches: list[Bench],
) -> None:
    bench = Bench(4, 100e-6, 0.2)
    benches.append(bench)
    before = bench.dispatcher.scheduler.rate
    for _ in range(20):
        bench.submit()
        await asyncio.sleep(0)
    assert bench.dispatcher.in_flight == 0
    assert bench.dispatcher.scheduler.rate == before


async def test_who_makes_a_model_fail_all_day_does_not_fill_the_log(
    benches: list[Bench], caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(1, 1e-6, 0.5)
    benches.append(bench)
    codes = [3, 3, 13, *[3] * 130]  # INVALID_ARGUMENT, but for one INTERNAL

    def fail(_: object) -> None:
        bench.now += 0.5
        raise TensorFlowError(codes.pop(0), "what was sent: 4711")

    bench.session.before = fail
    results: list[Result] = []
    while codes:
        bench.submit(done=results.append)
        await asyncio.sleep(0)
    failed = "a run of m failed: TensorFlowError "
    assert caplog.messages == [
        f"{failed}INVALID_ARGUMENT",
        f"{failed}INTERNAL",
        f"{failed}INVALID_ARGUMENT, and 118 times more since this was last told",
    ]
    assert len(results) == 133
    assert all(isinstance(result, InferenceError) for result in results)
