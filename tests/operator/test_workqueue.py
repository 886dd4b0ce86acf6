"""One look at a time per model, coalesced, with pauses after failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from frazil_operator.observed import Key
from frazil_operator.workqueue import LAST_RETRY, Schedule, WorkQueue, retry_after

A, B = Key("vision", "a"), Key("vision", "b")


def test_keys_come_in_the_order_they_are_due() -> None:
    schedule = Schedule()
    schedule.add(B, at=2)
    schedule.add(A, at=1)
    assert schedule.take(now=5) == A
    assert schedule.take(now=5) == B
    assert schedule.take(now=5) is None


def test_nothing_comes_before_it_is_due() -> None:
    schedule = Schedule()
    schedule.add(A, at=10)
    assert schedule.take(now=9) is None
    assert schedule.wait(now=9) == 1
    assert schedule.take(now=10) == A
    assert schedule.wait(now=10) is None


def test_a_key_added_ten_times_comes_once() -> None:
    schedule = Schedule()
    for at in range(10):
        schedule.add(A, at=at)
    assert len(schedule) == 1
    assert schedule.take(now=20) == A
    schedule.done(A)
    assert schedule.take(now=20) is None


def test_the_earlier_of_two_times_counts() -> None:
    schedule = Schedule()
    schedule.add(A, at=60)
    schedule.add(A, at=1)  # an event during a long pause
    schedule.add(A, at=30)
    assert schedule.take(now=1) == A


def test_a_key_that_is_worked_on_is_not_given_twice_but_kept_for_later() -> None:
    schedule = Schedule()
    schedule.add(A, at=1)
    assert schedule.take(now=1) == A
    schedule.add(A, at=2)  # an event while it is worked on
    assert schedule.take(now=3) is None
    schedule.done(A)
    assert schedule.take(now=3) == A


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [
        pytest.param(1, 0.05, 0.1, id="the first retry comes at once"),
        pytest.param(2, 0.1, 0.2, id="each pause is twice the one before"),
        pytest.param(5, 0.8, 1.6, id="and so on"),
        pytest.param(11, 30, LAST_RETRY, id="up to a minute"),
        pytest.param(10**6, 30, LAST_RETRY, id="which is never exceeded"),
    ],
)
def test_pauses_grow_and_are_spread(failures: int, least: float, most: float) -> None:
    assert retry_after(failures, chance=0.0) == pytest.approx(least)
    assert retry_after(failures, chance=1.0) == pytest.approx(most)


class Worker:
    """Work that reports each look and does what the test says."""

    def __init__(self, act: Callable[[int], Awaitable[float | None]]) -> None:
        self.looks: asyncio.Queue[Key] = asyncio.Queue()
        self._act = act

    async def __call__(self, key: Key) -> float | None:
        self.looks.put_nowait(key)
        return await self._act(self.looks.qsize())


async def looks(queue: WorkQueue, worker: Worker, count: int) -> list[Key]:
    running = asyncio.create_task(queue.run(worker, workers=2))
    try:
        async with asyncio.timeout(10):
            return [await worker.looks.get() for _ in range(count)]
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_asks_to_be_seen_again_is() -> None:
    async def again(_: int) -> float | None:
        return 0.0

    queue = WorkQueue()
    queue.add(A)
    assert await looks(queue, Worker(again), 3) == [A, A, A]


async def test_a_failure_is_tried_again_and_stops_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker: Worker
    failures = 0

    async def act(_: int) -> float | None:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ConnectionError("the API server is away")
        return None

    queue = WorkQueue(chance=lambda: 0.0)
    queue.add(A)
    queue.add(B)
    worker = Worker(act)
    assert await looks(queue, worker, 3) == [A, B, A]
    assert "vision/a: ConnectionError: the API server is away; again in 0.1 s" in caplog.text


async def test_one_model_is_never_looked_at_by_two_workers() -> None:
    at_work = 0
    most = 0

    async def act(_: int) -> float | None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        queue.add(A)  # an event while it is worked on
        await asyncio.sleep(0)
        at_work -= 1
        return None

    queue = WorkQueue()
    queue.add(A)
    await looks(queue, Worker(act), 5)
    assert most == 1
