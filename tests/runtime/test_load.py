"""What an engine says of its load, on a session that is told what to do and a literal clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from fakes.sessions import MANIFEST, FakeSession

from frazil_runtime.contract import Batching, Policy
from frazil_runtime.contract.load import Load
from frazil_runtime.engine import Engine, ModelEngine
from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.load import LoadReader
from frazil_runtime.metrics import Metrics
from frazil_runtime.requests import InferRequest

RUN_SECONDS = 0.6
POLICY = Policy(number=1, output_cache_mode="Always", max_wait_seconds=3)


class Site:
    """An engine with one model, whose runs wait until they are let go on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.engine = Engine(1, Batching(1), POLICY, clock=lambda: self.now)
        self.metrics = Metrics()
        self.loads = LoadReader(self.engine, self.metrics)
        self.go = threading.Semaphore(0)
        session = FakeSession()
        session.before = lambda rows: self.go.acquire()
        self.model: ModelEngine = self.engine.host("m", MANIFEST, lambda: session)
        self.engine.dispatcher.costs.seed((("m", "run"), ((),)), {1: RUN_SECONDS})
        self.engine.warmed()

    def ask(self, value: int) -> asyncio.Task[object]:
        asked = InferRequest("run", {"x": np.array([value], np.int32)})
        return asyncio.create_task(self.model.infer(asked))

    async def run(self, *tasks: asyncio.Task[object]) -> None:
        """Let as many runs end, and wait for the answers."""
        self.go.release(len(tasks))
        await asyncio.gather(*tasks)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    site.go.release(1000)
    site.engine.close()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_has_nothing_to_do_says_so(site: Site) -> None:
    assert site.loads.now() == Load(slots=1, policy=1)


async def test_what_runs_and_what_waits_is_counted(site: Site) -> None:
    for value in range(3):
        site.ask(value)
    await settle()
    site.now += 0.2
    load = site.loads.now()
    assert (load.queued, load.running) == (2, 1)
    assert load.queued_seconds == pytest.approx(3 * RUN_SECONDS - 0.2)
    assert load.wait_seconds == pytest.approx(load.queued_seconds / 0.5), (
        "half a slot is counted on"
    )
    assert load.demand_short == pytest.approx(3 * RUN_SECONDS / 6)
    assert load.demand_long == pytest.approx(3 * RUN_SECONDS / 60)
    assert load.variance_short == pytest.approx(3 * (RUN_SECONDS / 6) ** 2)


async def test_who_is_refused_has_come_all_the_same(site: Site) -> None:
    tasks = [site.ask(value) for value in range(9)]
    await settle()
    refused = [
        task for task in tasks if task.done() and isinstance(task.exception(), InferenceError)
    ]
    assert refused
    load = site.loads.now()
    assert load.demand_short == pytest.approx(9 * RUN_SECONDS / 6)
    assert load.variance_short == pytest.approx(9 * (RUN_SECONDS / 6) ** 2)


async def test_what_the_cache_answers_costs_nothing_and_is_counted_apart(site: Site) -> None:
    first, joined = site.ask(1), site.ask(1)
    await settle()
    await site.run(first, joined)
    await site.ask(1)
    load = site.loads.now()
    assert load.demand_long == pytest.approx(RUN_SECONDS / 60)
    assert load.saved_long == pytest.approx(2 * RUN_SECONDS / 60, rel=0.1)
    assert (load.requests, load.hits) == (3, 1)


async def test_what_was_answered_of_late_is_told_by_the_second(site: Site) -> None:
    site.loads.keep()
    site.now += 6
    task = site.ask(1)
    await settle()
    await site.run(task)
    for _ in range(2):
        await site.ask(1)
    load = site.loads.now()
    assert (load.requests_per_second, load.hits_per_second) == pytest.approx((3 / 6, 2 / 6))
    for _ in range(2):
        site.loads.keep()
        site.now += 6
    load = site.loads.now()
    assert (load.requests, load.requests_per_second, load.hits_per_second) == (3, 0, 0)


async def test_the_slowest_answers_of_the_last_minute_are_told(site: Site) -> None:
    site.metrics.serves(ModelInfo("m", "1", "a", MANIFEST, "sha256-00"))
    for protocol, seconds in [("v1", 0.3)] * 98 + [("v2", 4.0)] * 2:
        site.metrics.observe("m", protocol, "run", "OK", seconds)
    told = []
    for _ in range(11):
        told.append(site.loads.now().latency_p99)
        site.loads.keep()
        site.now += 6
    assert told[:10] == [3.75] * 10, "half way from 2.5 s to 5 s, as its bucket has it"
    assert told[10] == 0, "they are a minute old"


async def test_the_capacity_is_what_was_worked_off_while_something_waited(site: Site) -> None:
    tasks = [site.ask(value) for value in range(4)]
    await settle()
    assert site.loads.now().capacity == 0, "nobody knows yet"
    for task in tasks[:3]:
        site.now += 2 * RUN_SECONDS
        await site.run(task)
    await settle()
    assert site.loads.now().capacity == pytest.approx(0.5, abs=0.03), "each took twice as long"


async def test_a_watcher_hears_of_a_request_that_waits(site: Site) -> None:
    watching = asyncio.create_task(site.loads.soon(30))
    await settle()
    assert not watching.done()
    site.ask(1)
    site.ask(2)
    assert (await watching).queued == 1


async def test_a_watcher_hears_of_what_waited_while_it_was_away(site: Site) -> None:
    tasks = [site.ask(value) for value in range(2)]
    await settle()
    await site.run(*tasks)
    assert (await site.loads.soon(30)).queued == 0


async def test_a_watcher_is_answered_in_the_end(site: Site) -> None:
    assert await site.loads.soon(0.01) == Load(slots=1, policy=1)
