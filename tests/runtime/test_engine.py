"""The engine on a session that is told what to do."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fakes.sessions import MANIFEST, FakeSession

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.engine import HASH_HERE, Engine, ModelEngine
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.requests import Array, InferRequest, InferResponse
from frazil_runtime.texts import HERE
from frazil_runtime.uris import Uri

POLICY = Policy(number=1, output_cache_mode="Off", max_wait_seconds=3600)
CACHING = replace(POLICY, output_cache_mode="Always")


class Gate:
    """Holds the runs of a session back, one by one."""

    def __init__(self) -> None:
        self._begun, self._open = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, rows: Array) -> None:
        self._begun.release()
        self._open.acquire()

    async def begun(self, runs: int = 1) -> None:
        for _ in range(runs):
            await asyncio.to_thread(self._begun.acquire)

    def open(self, runs: int = 1) -> None:
        self._open.release(runs)


@pytest.fixture
def gate(engine: Engine) -> Iterator[Gate]:
    """Opened at the end, whatever a test did: the engine's threads must come to an end."""
    gate = Gate()
    yield gate
    gate.open(1000)


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(1, Batching(8), POLICY, clock=lambda: 0.0)
    yield engine
    engine.close()


@pytest.fixture
def model(engine: Engine, session: FakeSession) -> ModelEngine:
    """Its runs cost 1 ms and little more for 8 rows, so they go to the thread."""
    model = engine.host("m", MANIFEST, lambda: session)
    seconds = {rows: 0.001 + rows * 0.00001 for rows in engine.sizes}
    costs = engine.dispatcher.costs
    costs.seed((("m", "run"), ((),)), seconds)
    costs.seed((("m", "single"), ((1,),)), {1: 0.001})
    engine.warmed()
    return model


def request(*values: int, **options: object) -> InferRequest:
    inputs = {"x": np.array(values, np.int32)}
    return InferRequest(**({"signature": "run", "inputs": inputs} | options))  # type: ignore[arg-type]


def start(model: ModelEngine, *requests: InferRequest) -> list[asyncio.Task[list[int]]]:
    async def double(asked: InferRequest) -> list[int]:
        return (await model.infer(asked)).outputs["double"].tolist()  # type: ignore[no-any-return]

    return [asyncio.create_task(double(asked)) for asked in requests]


async def settle() -> None:
    """Let everything happen that can: turns of the loop, no time."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_outputs_come_in_the_manifests_order(model: ModelEngine) -> None:
    response = await model.infer(request(3))
    assert list(response.outputs) == ["double", "square"]
    assert response.outputs["square"].tolist() == [9]
    assert response.cache == "off"


async def test_asked_for_outputs_come_in_the_order_asked(model: ModelEngine) -> None:
    for outputs in (("square",), ("square", "double")):
        assert tuple((await model.infer(request(3, outputs=outputs))).outputs) == outputs


async def test_what_is_invalid_never_reaches_the_session(
    model: ModelEngine, session: FakeSession
) -> None:
    for bad in (
        request(1, signature="walk"),
        request(1, inputs={"x": np.zeros(1)}),
        request(1, outputs=("cube",)),
    ):
        with pytest.raises(InferenceError) as caught:
            await model.infer(bad)
        assert caught.value.code is Code.INVALID_ARGUMENT
    assert session.seen == []
    assert model.statistics.failed.count == 3


async def test_what_gathers_while_a_run_is_under_way_goes_together(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    first = start(model, request(1))
    await gate.begun()
    rest = start(model, *(request(value) for value in range(2, 15)))
    await settle()
    gate.open(4)
    assert [await task for task in first + rest] == [[2 * value] for value in range(1, 15)]
    # 13 rows: 8, then 4, then 1.
    assert [len(rows) for rows in session.seen] == [1, 8, 4, 1]


async def test_a_large_request_goes_through_in_parts_that_small_ones_overtake(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    (large,) = start(model, request(*range(100, 116)))
    await gate.begun()
    (small,) = start(model, request(1))
    await settle()
    gate.open(3)
    assert await small == [2]
    assert await large == [2 * value for value in range(100, 116)]
    assert [len(rows) for rows in session.seen] == [8, 8, 1]
    assert session.seen[1] == [1, *range(108, 115)], "the small one came first"


async def test_rows_of_a_graph_that_was_not_proved_batchable_stay_among_themselves(
    model: ModelEngine, session: FakeSession
) -> None:
    tasks = start(model, *(request(value, value, signature="single") for value in (1, 2)))
    assert [await task for task in tasks] == [[2, 2], [4, 4]]
    assert session.seen == [[1, 1], [2, 2]]


async def test_no_rows_at_all_are_run_alone(model: ModelEngine, session: FakeSession) -> None:
    tasks = start(model, request(), request(1))
    assert [await task for task in tasks] == [[], [2]]
    assert sorted(map(len, session.seen)) == [0, 1]


async def test_a_batch_may_wait_for_company_but_not_beyond_its_time() -> None:
    engine, session = Engine(1, Batching(8, max_delay_milliseconds=30), POLICY), FakeSession()
    model = engine.host("m", MANIFEST, lambda: session)
    engine.dispatcher.costs.seed((("m", "run"), ((),)), dict.fromkeys(engine.sizes, 0.001))
    tasks = start(model, request(1))
    await settle()
    assert session.seen == []
    tasks += start(model, *(request(value) for value in range(2, 9)))
    await asyncio.gather(*tasks)
    assert [len(rows) for rows in session.seen] == [8]
    assert (await model.infer(request(9))).outputs["double"].tolist() == [18]
    engine.close()


async def test_a_full_batch_waits_for_nobody() -> None:
    engine = Engine(1, Batching(8, max_delay_milliseconds=1), POLICY, clock=lambda: 0.0)
    session = FakeSession()
    model = engine.host("m", MANIFEST, lambda: session)
    engine.dispatcher.costs.seed((("m", "run"), ((),)), dict.fromkeys(engine.sizes, 0.001))
    tasks = start(model, *(request(value) for value in range(8)))
    async with asyncio.timeout(10):  # by the engine's clock no time ever passes
        await asyncio.gather(*tasks)
    assert session.seen == [[*range(8)]]
    engine.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(TensorFlowError(3, "bad"), Code.INVALID_ARGUMENT, id="an invalid argument"),
        pytest.param(TensorFlowError(11, "bad"), Code.OUT_OF_RANGE, id="an index out of range"),
        pytest.param(TensorFlowError(8, "bad"), Code.RESOURCE_EXHAUSTED, id="no memory in a run"),
        pytest.param(MemoryError("bad"), Code.RESOURCE_EXHAUSTED, id="no memory for an input"),
        pytest.param(TensorFlowError(1, "bad"), Code.CANCELLED, id="a session that was closed"),
    ],
)
async def test_a_run_that_fails_is_answered_with_its_code(
    model: ModelEngine, session: FakeSession, engine: Engine, error: Exception, code: Code
) -> None:
    def fail(rows: Array) -> None:
        raise error

    session.before = fail
    with pytest.raises(InferenceError, match="bad") as caught:
        await model.infer(request(1))
    assert caught.value.code is code
    assert engine.dispatcher.in_flight == 0


async def test_a_bug_tells_the_client_nothing(model: ModelEngine, session: FakeSession) -> None:
    def fail(rows: Array) -> None:
        raise ZeroDivisionError("secret")

    session.before = fail
    with pytest.raises(InferenceError, match="internal error: see the log"):
        await model.infer(request(1))


async def test_one_bad_request_fails_alone(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    def fail_on_13(rows: Array) -> None:
        gate(rows)
        if 13 in rows:
            raise TensorFlowError(3, "unlucky")

    session.before = fail_on_13
    first = start(model, request(0))
    await gate.begun()
    rest = start(model, *(request(value) for value in range(10, 18)))
    await settle()
    gate.open(100)
    results = await asyncio.gather(*first, *rest, return_exceptions=True)
    failed = [result for result in results if isinstance(result, InferenceError)]
    assert [str(error) for error in failed] == ["unlucky"]
    assert [result for result in results if isinstance(result, list)] == [
        [0], [20], [22], [24], [28], [30], [32], [34],
    ]  # fmt: skip
    # Halves of halves: 8, then 4 and 4, 2 and 2, 1 and 1.
    assert sorted(len(rows) for rows in session.seen[1:]) == [1, 1, 2, 2, 4, 4, 8]


async def test_an_error_that_is_not_the_inputs_is_everybodys(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    def fail(rows: Array) -> None:
        gate(rows)
        raise TensorFlowError(13, "broken")

    session.before = fail
    tasks = start(model, request(1))
    await gate.begun()
    tasks += start(model, request(2), request(3))
    await settle()
    gate.open(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["broken"] * 3
    assert len(session.seen) == 2


async def test_running_again_gives_way_once_it_has_had_its_share(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    def fail_on_13(rows: Array) -> None:
        gate(rows)
        if 13 in rows:
            raise TensorFlowError(3, "unlucky")

    session.before = fail_on_13
    tasks = start(model, request(0))
    await gate.begun()
    tasks += start(model, request(13), request(14))
    await settle()
    engine.dispatcher._seconds_again = 3600  # far beyond any share
    gate.open()  # of the first one
    await gate.begun()  # of the two together, which fail
    tasks += start(model, request(1))
    await settle()
    gate.open(100)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert session.seen == [[0], [13, 14], [1], [13], [14]]


async def test_the_event_loop_stays_free(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    tasks = start(model, request(1), request(2))
    await gate.begun()  # the loop turns while the run lasts
    gate.open(2)
    assert [await task for task in tasks] == [[2], [4]]


async def test_what_is_quick_runs_on_the_event_loop_and_needs_no_slot(
    gate: Gate, engine: Engine, session: FakeSession, model: ModelEngine
) -> None:
    session.before = gate
    held = start(model, request(1))
    await gate.begun()
    quick_session, threads = FakeSession(), set()
    quick_session.before = lambda rows: threads.add(threading.current_thread())
    quick = engine.host("q", MANIFEST, lambda: quick_session)
    engine.dispatcher.costs.seed((("q", "run"), ((),)), dict.fromkeys(engine.sizes, 1e-05))
    tasks = start(quick, *(request(value) for value in range(8)))
    assert [await task for task in tasks] == [[2 * value] for value in range(8)]
    assert threads == {threading.main_thread()}
    assert [len(rows) for rows in quick_session.seen] == [8], "what came in one turn is merged"
    gate.open()
    await asyncio.gather(*held)


LONE = {
    "a client that is alone": ({}, 1e-3, True),
    "others are there": ({"lone": False}, 1e-3, False),
    "the run would take too long": ({}, 6e-3, False),
    "nothing is known of the shape": ({"signature": "single"}, None, False),
}


@pytest.mark.parametrize(("options", "seconds", "in_place"), LONE.values(), ids=LONE)
async def test_a_lone_client_waits_for_no_thread(
    engine: Engine,
    session: FakeSession,
    *,
    options: dict[str, object],
    seconds: float | None,
    in_place: bool,
) -> None:
    threads: set[threading.Thread] = set()
    session.before = lambda _: threads.add(threading.current_thread())
    model = engine.host("m", MANIFEST, lambda: session)
    if seconds is not None:
        engine.dispatcher.costs.seed((("m", "run"), ((),)), dict.fromkeys(engine.sizes, seconds))
    assert (await model.infer(request(3, **({"lone": True} | options)))).outputs
    assert (threads == {threading.main_thread()}) is in_place


async def test_a_lone_client_waits_where_something_runs_already(
    gate: Gate, model: ModelEngine, session: FakeSession
) -> None:
    session.before = gate
    tasks = start(model, request(1), request(2, lone=True))
    await gate.begun()  # the loop turns: neither runs on it
    gate.open(2)
    assert [await task for task in tasks] == [[2], [4]]


async def test_a_lone_clients_quick_run_is_done_when_it_has_been_asked_for(
    quick: ModelEngine,
) -> None:
    given = Given()
    quick.start(request(3, lone=True), given)
    assert given.doubles == [[6]]


async def test_a_full_batch_needs_no_line_and_no_company(
    quick: ModelEngine, session: FakeSession, engine: Engine
) -> None:
    given = Given()
    for asked in (request(*range(8)), request(8), request(*range(8, 16)), request(9)):
        quick.start(asked, given)
    assert not engine.dispatcher.scheduler
    await settle()
    assert session.seen == [[*range(8)], [*range(8, 16)], [8, 9]]


@pytest.fixture
def quick(engine: Engine, session: FakeSession) -> ModelEngine:
    """Its runs are done on the event loop, in the turn after they were asked for."""
    model = engine.host("q", MANIFEST, lambda: session)
    engine.dispatcher.costs.seed((("q", "run"), ((),)), dict.fromkeys(engine.sizes, 1e-05))
    return model


async def test_what_is_too_much_for_one_turn_comes_in_the_next_ones_in_order(
    session: FakeSession,
) -> None:
    class Clock:
        now = 0.0

    def run(rows: Array) -> None:
        Clock.now += 400e-6

    session.before = run
    engine = Engine(1, Batching(8), POLICY, clock=lambda: Clock.now)
    model = engine.host("q", MANIFEST, lambda: session)
    engine.dispatcher.costs.seed((("q", "run"), ((),)), dict.fromkeys(engine.sizes, 1e-05))
    given = Given()
    for value in range(40):
        model.start(request(value), given)
    turns = [0]
    while len(given.results) < 40:
        await asyncio.sleep(0)
        turns.append(len(given.results))
    assert max(after - before for before, after in pairwise(turns)) == 16, "of 8 rows twice"
    assert session.seen == [list(range(start, start + 8)) for start in range(0, 40, 8)]
    dispatcher = engine.dispatcher
    assert (dispatcher.in_flight, len(dispatcher.scheduler), dispatcher.scheduler.work) == (0, 0, 0)
    engine.close()


async def test_who_leaves_before_the_turn_is_not_run(
    quick: ModelEngine, session: FakeSession, engine: Engine
) -> None:
    stays, leaves = Given(), Given()
    quick.start(request(1), stays)
    leave = quick.start(request(2), leaves)
    quick.start(request(3), stays)
    assert leave is not None
    leave()
    await settle()
    assert (session.seen, stays.doubles, leaves.results) == ([[1, 3]], [[2], [6]], [])
    assert engine.dispatcher.in_flight == 0


async def test_who_waits_for_a_turn_that_does_not_come_is_told(session: FakeSession) -> None:
    engine, given = Engine(1, Batching(8), POLICY), Given()
    model = engine.host("q", MANIFEST, lambda: session)
    engine.dispatcher.costs.seed((("q", "run"), ((),)), dict.fromkeys(engine.sizes, 1e-05))
    model.start(request(1), given)
    engine.close()
    assert (given.codes, session.seen) == ([Code.UNAVAILABLE], [])


async def test_a_cancelled_caller_leaves_the_line_and_harms_nobody(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    session.before = gate
    running, waiting, last = start(model, request(1, signature="single"), request(2), request(3))
    await gate.begun()
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gate.open(2)
    assert await last == [6]
    assert session.seen == [[1], [3]], "the one that had not begun was never run"
    assert engine.dispatcher.in_flight == 0


async def test_whose_time_is_over_leaves_the_line(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    session.before = gate
    (running,) = start(model, request(1))
    await gate.begun()
    (late,) = start(model, request(2, timeout=0.01))
    with pytest.raises(InferenceError) as caught:
        await late
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    gate.open()
    assert await running == [2]
    assert session.seen == [[1]]
    with pytest.raises(InferenceError, match="over on arrival"):
        await model.infer(request(3, timeout=0.0))


async def test_too_much_work_is_refused_with_advice(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    engine.follow(replace(POLICY, max_wait_seconds=0.007))  # half of the slot is counted on
    session.before = gate
    tasks = start(model, request(0))
    await gate.begun()
    tasks += start(model, *(request(value, signature="single") for value in range(1, 6)))
    await settle()
    assert [task.done() for task in tasks] == [False] * 4 + [True] * 2
    with pytest.raises(InferenceError, match="try again later") as caught:
        tasks[-1].result()
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    gate.open(4)
    assert [await task for task in tasks[:4]] == [[0], [2], [4], [6]]
    assert engine.dispatcher.refused == 2


async def test_too_many_bytes_are_refused_before_they_are_read(
    engine: Engine, model: ModelEngine
) -> None:
    engine.follow(replace(POLICY, max_bytes=10_000))
    alone = engine.door.admit("m", 100_000)  # alone, anything may come
    with pytest.raises(InferenceError) as caught:
        engine.door.admit("m", 1)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    alone = engine.door.grow(alone, 200_000)
    engine.door.release(alone)
    kept = [engine.door.admit("m", 5_000), engine.door.admit("m", None)]
    assert engine.door.bytes > 5_000
    kept[1] = engine.door.grow(kept[1], 5_000)
    assert (kept[1], engine.door.bytes) == (5_000, 10_000)
    with pytest.raises(InferenceError, match="10000 bytes are waiting"):
        engine.door.grow(kept[1], 5_001)
    assert engine.door.grow(kept[1], 10) == 5_000
    for size in kept:
        engine.door.release(size)
    assert engine.door.bytes == 0


async def test_the_door_counts_who_is_coming_as_far_as_others_wait(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    engine.follow(replace(POLICY, max_wait_seconds=0.015))  # of 1 ms each, at half a slot's pace
    session.before = gate
    tasks = start(model, request(0))
    await gate.begun()

    for waiting, coming, lets_in in (
        (0, 1000, True),  # nobody waits: who is coming may take their time
        (2, 1000, True),  # two wait, and so two more are counted on
        (4, 1, True),
        (4, 3, False),
        (4, 0, True),
    ):
        engine.door.coming = coming
        tasks += start(model, *(request(1) for _ in range(waiting + 1 - len(tasks))))
        await settle()
        assert len(engine.dispatcher.scheduler) == waiting
        if lets_in:
            engine.door.release(engine.door.admit("m", 1))
            assert engine.door.coming == coming + 1
        else:
            with pytest.raises(InferenceError, match="try again later"):
                engine.door.admit("m", 1)
    gate.open(10)
    await asyncio.gather(*tasks)


async def test_who_is_pushed_out_and_comes_again_at_once_harms_nobody(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    """As a pipelining client's next request does: for as many clients as there may be."""
    session.before = gate
    model.start(request(0), Given())
    await gate.begun()
    many, again = 500, Given()

    def ask_again(result: InferResponse | InferenceError) -> None:
        assert isinstance(result, InferenceError)
        model.start(request(2, priority=1), again)

    for _ in range(many):
        model.start(request(1), ask_again)
    work = engine.dispatcher.scheduler.work
    engine.follow(replace(POLICY, max_wait_seconds=2 * work + 0.001))
    model.start(request(2, priority=1), again)
    for _ in range(many + 1):
        await settle()
    assert {piece.priority for piece in engine.dispatcher.scheduler} == {1}
    gate.open(1000)


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param(lambda rows: [rows[:1], rows], id="fewer rows than went in"),
        pytest.param(lambda rows: [rows.sum(), rows], id="no rows at all"),
    ],
)
async def test_whose_outputs_are_no_rows_after_all_runs_alone(
    model: ModelEngine,
    gate: Gate,
    session: FakeSession,
    outputs: Callable[[Array], list[Array]],
) -> None:
    def ragged(signature: str, pieces: Sequence[Sequence[Array]]) -> list[Array]:
        found = run_together(signature, pieces)
        rows = np.concatenate([piece[0] for piece in pieces])
        return outputs(rows) if 13 in rows else found

    run_together, session.before = session.run_together, gate
    session.run_together = ragged  # type: ignore[method-assign]
    tasks = start(model, request(0))
    await gate.begun()
    tasks += start(model, request(12), request(13), request(14), request(15))
    await settle()
    gate.open(100)
    results = await asyncio.wait_for(asyncio.gather(*tasks), 20)
    assert [results[0], results[1], results[3], results[4]] == [[0], [24], [28], [30]]
    (large,) = start(model, request(*range(20)))
    with pytest.raises(InferenceError, match="cannot be run on these rows") as caught:
        await asyncio.wait_for(large, 20)
    assert caught.value.code is Code.INTERNAL


async def test_an_error_does_not_keep_the_request_that_it_is_about(
    model: ModelEngine, session: FakeSession
) -> None:
    def fail(rows: Array) -> None:
        raise TensorFlowError(3, "bad")

    async def ask() -> weakref.ref[Array]:
        array = np.array([1], np.int32)
        with pytest.raises(InferenceError, match="bad"):
            await model.infer(request(inputs={"x": array}))
        return weakref.ref(array)

    session.before = fail
    gc.disable()
    try:
        kept = await ask()
        async with asyncio.timeout(20):
            while kept() is not None:  # the thread that ran it lets go of it when it can
                await settle()
    finally:
        gc.enable()


async def test_a_thread_that_idles_keeps_nothing_of_its_last_run(model: ModelEngine) -> None:
    array = np.array([1], np.int32)
    kept = weakref.ref(array)
    await model.infer(request(inputs={"x": array}))
    del array
    async with asyncio.timeout(20):
        while kept() is not None:  # noqa: ASYNC110 - a thread lets go, and tells nobody
            await asyncio.sleep(0)


async def test_time_that_inputs_took_to_come_is_the_requests_own(
    engine: Engine, session: FakeSession, gate: Gate
) -> None:
    class Slow:
        async def resolve(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
            await asyncio.sleep(0.02)
            return inputs

        def resize(self, max_bytes: int) -> None:
            pass

    model = engine.host("slow", MANIFEST, lambda: session, Slow())
    with pytest.raises(InferenceError) as caught:
        await model.infer(request(1, timeout=0.01))
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert session.seen == []


# The output cache.


@pytest.fixture
def caching(engine: Engine, model: ModelEngine) -> ModelEngine:
    engine.follow(CACHING)
    return model


async def test_the_same_again_comes_from_the_cache(
    caching: ModelEngine, session: FakeSession
) -> None:
    first, second = await caching.infer(request(3)), await caching.infer(request(3))
    assert (first.cache, second.cache) == ("miss", "hit")
    assert first.outputs["square"].tolist() == second.outputs["square"].tolist() == [9]
    only = await caching.infer(request(3, outputs=("double",)))
    assert (only.cache, list(only.outputs)) == ("hit", ["double"]), "whole results are kept"
    assert session.seen == [[3]]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request(4), id="another value"),
        pytest.param(request(3, 3), id="another shape"),
        pytest.param(request(3, stored=False), id="a request that asks for none"),
    ],
)
async def test_another_request_is_run(
    caching: ModelEngine, session: FakeSession, other: InferRequest
) -> None:
    await caching.infer(request(3))
    assert (await caching.infer(other)).cache != "hit"
    assert len(session.seen) == 2


async def test_what_may_answer_differently_is_never_kept(
    caching: ModelEngine, session: FakeSession
) -> None:
    for _ in range(2):
        assert (await caching.infer(request(3, signature="single"))).cache == "off"
    assert len(session.seen) == 2


async def test_a_hundred_equal_requests_at_once_are_one_run(
    caching: ModelEngine, session: FakeSession
) -> None:
    tasks = start(caching, *(request(7) for _ in range(100)))
    assert [await task for task in tasks] == [[14]] * 100
    assert session.seen == [[7]]


async def test_the_first_ones_cancellation_harms_nobody(
    caching: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    held = start(caching, request(0))
    await gate.begun()
    first, second = start(caching, request(7), request(7))
    await settle()
    first.cancel()
    gate.open(2)
    assert await second == [14]
    await asyncio.gather(*held)
    assert session.seen == [[0], [7]]


async def test_a_run_that_nobody_waits_for_any_more_is_not_begun(
    caching: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    session.before = gate
    held = start(caching, request(0))
    await gate.begun()
    pair = start(caching, request(7), request(7))
    await settle()
    for task in pair:
        task.cancel()
    await settle()
    gate.open()
    await asyncio.gather(*held)
    assert engine.dispatcher.in_flight == 0
    assert session.seen == [[0]]


async def test_each_waits_as_long_as_it_said(
    caching: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    patient, hasty = start(caching, request(7), request(7, timeout=0.01))
    await gate.begun()
    with pytest.raises(InferenceError, match="time was over"):
        await hasty
    gate.open()
    assert await patient == [14]


async def test_errors_are_told_to_all_and_kept_for_nobody(
    caching: ModelEngine, session: FakeSession
) -> None:
    def fail(rows: Array) -> None:
        raise TensorFlowError(3, "bad")

    session.before = fail
    results = await asyncio.gather(*start(caching, request(7), request(7)), return_exceptions=True)
    assert [str(result) for result in results] == ["bad", "bad"]
    session.before = lambda rows: None
    assert (await caching.infer(request(7))).cache == "miss"


async def test_a_new_epoch_forgets_all_and_keeps_out_what_was_under_way(
    caching: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    await caching.infer(request(3))
    session.before = gate
    late = start(caching, request(7))
    await gate.begun()
    engine.follow(replace(CACHING, epoch=1))
    gate.open(3)
    await asyncio.gather(*late)
    assert (await caching.infer(request(7))).cache == "miss"
    assert (await caching.infer(request(3))).cache == "miss"


async def test_a_refusal_is_told_and_kept_for_nobody(
    caching: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    engine.follow(replace(CACHING, max_wait_seconds=0.0))
    session.before = gate
    held = start(caching, request(0))
    await gate.begun()
    for _ in range(2):
        with pytest.raises(InferenceError) as caught:
            await caching.infer(request(1))
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
    gate.open(2)
    await asyncio.gather(*held)
    engine.follow(CACHING)
    assert (await caching.infer(request(1))).cache == "miss"


# Without a task.


class Given:
    """What ``start`` has given for requests."""

    def __init__(self) -> None:
        self.results: list[InferResponse | InferenceError] = []
        self.came = asyncio.Event()

    def __call__(self, result: InferResponse | InferenceError) -> None:
        self.results.append(result)
        self.came.set()

    @property
    def codes(self) -> list[Code]:
        return [result.code for result in self.results if isinstance(result, InferenceError)]

    @property
    def doubles(self) -> list[list[int]]:
        found = [result for result in self.results if isinstance(result, InferResponse)]
        return [response.outputs["double"].tolist() for response in found]


async def test_a_miss_is_given_later_and_a_hit_at_once(caching: ModelEngine) -> None:
    given = Given()
    caching.start(request(3), given)
    assert given.results == []
    await given.came.wait()
    caching.start(request(3), given)
    assert given.doubles == [[6], [6]]
    assert [response.cache for response in given.results] == ["miss", "hit"]  # type: ignore[union-attr]
    assert caching.statistics.requests.count == 2


async def test_what_is_wrong_is_raised_and_counted_once(
    model: ModelEngine, session: FakeSession
) -> None:
    given = Given()
    for bad in (request(1, signature="walk"), request(1, timeout=0.0)):
        with pytest.raises(InferenceError):
            model.start(bad, given)
    assert (given.results, session.seen, model.statistics.failed.count) == ([], [], 2)


async def test_a_refusal_is_given_at_once(
    caching: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    session.before = gate
    caching.start(request(0), Given())
    await gate.begun()
    engine.follow(replace(CACHING, max_wait_seconds=0.0))
    given = Given()
    leave = caching.start(request(1), given)
    assert given.codes == [Code.RESOURCE_EXHAUSTED]
    assert leave is not None
    leave()
    assert given.codes == [Code.RESOURCE_EXHAUSTED]


async def test_who_leaves_is_given_nothing_and_takes_the_run_along(
    model: ModelEngine, gate: Gate, session: FakeSession, engine: Engine
) -> None:
    session.before = gate
    first, left, last = Given(), Given(), Given()
    model.start(request(1), first)
    await gate.begun()
    leave = model.start(request(2), left)
    model.start(request(3), last)
    assert leave is not None
    leave()
    gate.open(2)
    await last.came.wait()
    assert (first.doubles, left.results, last.doubles) == ([[2]], [], [[6]])
    assert session.seen == [[1], [3]], "it was never run"
    assert engine.dispatcher.in_flight == 0


async def test_whose_time_is_over_is_told(
    model: ModelEngine, gate: Gate, session: FakeSession
) -> None:
    session.before = gate
    running, late = Given(), Given()
    model.start(request(1), running)
    await gate.begun()
    model.start(request(2, timeout=0.01), late)
    await late.came.wait()
    gate.open()
    await running.came.wait()
    assert late.codes == [Code.DEADLINE_EXCEEDED]
    assert session.seen == [[1]]


async def test_who_stumbles_over_its_result_harms_no_other_of_the_batch(
    model: ModelEngine, gate: Gate, session: FakeSession, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(_: InferResponse | InferenceError) -> None:
        raise ZeroDivisionError

    session.before = gate
    model.start(request(0), Given())
    await gate.begun()
    before, after = Given(), Given()
    model.start(request(1), before)
    model.start(request(2), stumble)
    model.start(request(3), after)
    model.start(request(4), Given())
    gate.open(2)
    await asyncio.gather(before.came.wait(), after.came.wait())
    assert (before.doubles, after.doubles) == ([[2]], [[6]])
    assert session.seen == [[0], [1, 2, 3, 4]]
    assert "a result could not be given" in caplog.text


async def test_what_would_have_to_be_waited_for_first_is_left_undone(
    model: ModelEngine, session: FakeSession
) -> None:
    given = Given()
    assert model.start(request(*range(HASH_HERE // 4 + 1)), given) is None
    assert (given.results, session.seen) == ([], [])


def texts(*values: object) -> InferRequest:
    array = np.empty(len(values), object)
    array[:] = values
    return InferRequest("length", {"text": array})


class Lengths(FakeSession):
    """Answers with how long each string is."""

    def run_together(self, signature: str, pieces: Sequence[Sequence[Array]]) -> list[Array]:
        return [np.array([len(text) for piece in pieces for text in piece[0]], np.int32)]


@pytest.fixture
def reader(engine: Engine) -> ModelEngine:
    """A model of strings."""
    text = Signature(
        (Tensor("text", "t:0", "string", (-1,)),), (Tensor("length", "l:0", "int32", (-1,)),)
    )
    return engine.host("reader", Manifest({"length": text}, "length", {}), Lengths)


@pytest.mark.parametrize("others", [0, 1, 2 * HERE], ids=["alone", "beside another", "of many"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("b", "must hold bytes, got str", id="text"),
        pytest.param(Uri("s3://b/c"), "got Uri", id="a URI"),
        pytest.param(None, "got NoneType", id="nothing"),
    ],
)
async def test_what_is_no_bytes_is_refused_each_time(
    reader: ModelEngine, others: int, value: object, text: str
) -> None:
    right, wrong = texts(*[b"a"] * (others + 1)), texts(*[b"a"] * others, value)
    for _ in range(2):
        assert (await reader.infer(right)).outputs["length"].tolist() == [1] * (others + 1)
        with pytest.raises(InferenceError, match=text):
            await reader.infer(wrong)
    assert reader.statistics.failed.count == 2


async def test_a_few_strings_are_looked_at_here_and_more_have_to_be_waited_for(
    reader: ModelEngine,
) -> None:
    with pytest.raises(InferenceError, match="got str"):
        reader.start(texts("b"), Given())
    assert reader.start(texts(*[b"a"] * HERE), Given()) is not None
    assert reader.start(texts(*[b"a"] * (HERE + 1)), Given()) is None


# Runs that never end.


@pytest.fixture
async def impatient() -> AsyncIterator[Engine]:
    engine = Engine(1, Batching(8), POLICY, endless_seconds=0.01)
    yield engine
    engine.close()


def hang_on_13(session: FakeSession, also: Callable[[Array], object] = lambda rows: None) -> None:
    def before(rows: Array) -> None:
        also(rows)
        if 13 in rows:
            session.hang(rows)

    session.before = before


async def test_a_run_that_never_ends_is_ended_and_its_company_runs_alone(
    impatient: Engine, gate: Gate
) -> None:
    sessions: list[FakeSession] = []

    def make() -> FakeSession:
        sessions.append(FakeSession())
        hang_on_13(sessions[-1], gate if len(sessions) == 1 else lambda rows: None)
        return sessions[-1]

    model = impatient.host("m", MANIFEST, make)
    impatient.dispatcher.costs.seed((("m", "run"), ((),)), dict.fromkeys(impatient.sizes, 0.001))
    tasks = start(model, request(0))
    await gate.begun()
    tasks += start(model, request(12), request(13), request(14), request(15))
    await settle()
    gate.open(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for result in results if isinstance(result, list)] == [[0], [24], [28], [30]]
    (error,) = (result for result in results if isinstance(result, InferenceError))
    assert error.code is Code.DEADLINE_EXCEEDED
    assert "came to no end" in str(error)
    # The batch's end cost a session, and so did the culprit's second try.
    assert len(sessions) == 3
    alone = sorted(rows for session in sessions[1:] for rows in session.seen)
    assert alone == [[12], [13], [14], [15]]
    assert (await model.infer(request(5))).outputs["double"].tolist() == [10]


async def test_a_run_that_never_ends_on_the_event_loop_is_ended_too(impatient: Engine) -> None:
    sessions: list[FakeSession] = []

    def make() -> FakeSession:
        sessions.append(FakeSession())
        hang_on_13(sessions[-1])
        return sessions[-1]

    model = impatient.host("m", MANIFEST, make)
    impatient.dispatcher.costs.seed((("m", "run"), ((),)), dict.fromkeys(impatient.sizes, 1e-5))
    values = [12, 13, *range(14, 30)]
    results = await asyncio.gather(*start(model, *map(request, values)), return_exceptions=True)
    assert [result for result in results if isinstance(result, list)] == [
        [2 * value] for value in values if value != 13
    ]
    (error,) = (result for result in results if isinstance(result, InferenceError))
    assert "came to no end" in str(error)
    assert impatient.dispatcher.in_flight == 0


async def test_other_models_do_not_notice_a_run_that_never_ends(impatient: Engine) -> None:
    hanging = impatient.host("h", MANIFEST, FakeSession)
    hang_on_13(hanging.hosted.session)  # type: ignore[arg-type]
    other_session = FakeSession()
    other = impatient.host("o", MANIFEST, lambda: other_session)
    (bad,) = start(hanging, request(13))
    await settle()
    (good,) = start(other, request(1))
    assert await good == [2]
    with pytest.raises(InferenceError):
        await bad
    assert not other_session.closed.is_set()
