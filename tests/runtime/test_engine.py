"""The engine on a session that is told what to do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.engine import Array, Engine, InferRequest
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature, Tensor

PAIR = Signature(
    (Tensor("x", "x:0", "int32", (-1,)),),
    (Tensor("double", "a:0", "int32", (-1,)), Tensor("square", "b:0", "int32", (-1,))),
)
MANIFEST = Manifest({"run": PAIR}, "run", {})


class FakeSession:
    """Computes 2x and x², one call at a time as ``before`` allows."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.before: Callable[[], object] = lambda: None

    def run(self, signature: str, inputs: Sequence[Array]) -> list[Array]:
        self.seen.append(int(inputs[0][0]))
        self.before()
        return [inputs[0] * 2, inputs[0] ** 2]


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
async def engine(session: FakeSession) -> AsyncIterator[Engine]:
    engine = Engine(MANIFEST, session)
    yield engine
    engine.close()


def request(value: int, *outputs: str) -> InferRequest:
    return InferRequest("run", {"x": np.array([value], np.int32)}, outputs)


async def test_all_outputs_come_in_the_manifests_order(engine: Engine) -> None:
    response = await engine.infer(request(3))
    assert list(response.outputs) == ["double", "square"]
    assert response.outputs["square"].tolist() == [9]


async def test_asked_for_outputs_come_in_the_order_asked(engine: Engine) -> None:
    assert list((await engine.infer(request(3, "square"))).outputs) == ["square"]
    assert list((await engine.infer(request(3, "square", "double"))).outputs) == [
        "square",
        "double",
    ]


async def test_what_is_invalid_never_reaches_the_session(
    engine: Engine, session: FakeSession
) -> None:
    for bad in (
        InferRequest("walk", {}),
        InferRequest("run", {"x": np.zeros(1)}),
        request(1, "cube"),
    ):
        with pytest.raises(InferenceError) as caught:
            await engine.infer(bad)
        assert caught.value.code is Code.INVALID_ARGUMENT
    assert session.seen == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(TensorFlowError(3, "bad"), Code.INVALID_ARGUMENT, id="an invalid argument"),
        pytest.param(TensorFlowError(11, "bad"), Code.OUT_OF_RANGE, id="an index out of range"),
        pytest.param(TensorFlowError(8, "bad"), Code.RESOURCE_EXHAUSTED, id="no memory in a run"),
        pytest.param(MemoryError("bad"), Code.RESOURCE_EXHAUSTED, id="no memory for an input"),
        pytest.param(TensorFlowError(1, "bad"), Code.CANCELLED, id="a session that was closed"),
        pytest.param(TensorFlowError(9, "bad"), Code.FAILED_PRECONDITION, id="an empty table"),
        pytest.param(TensorFlowError(20, "bad"), Code.INTERNAL, id="a code that is none"),
    ],
)
async def test_a_run_that_fails_is_answered_with_its_code(
    engine: Engine, session: FakeSession, error: Exception, code: Code
) -> None:
    def fail() -> None:
        raise error

    session.before = fail
    with pytest.raises(InferenceError, match="bad") as caught:
        await engine.infer(request(1))
    assert caught.value.code is code
    assert engine.in_flight == 0


SERVED: dict[str, tuple[int, int]] = {
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}


@pytest.mark.parametrize("name", SERVED)
async def test_a_models_own_error_has_the_status_that_tensorflow_serving_gives_it(
    engine: Engine, session: FakeSession, name: str
) -> None:
    number, status = SERVED[name]

    def fail() -> None:
        raise TensorFlowError(number, "bad")

    session.before = fail
    with pytest.raises(InferenceError) as caught:
        await engine.infer(request(1))
    assert (caught.value.code.name, caught.value.code.status) == (name, status)


async def test_the_event_loop_stays_free_and_runs_go_one_at_a_time(
    engine: Engine, session: FakeSession
) -> None:
    started, go = threading.Semaphore(0), threading.Semaphore(0)

    def hold() -> None:
        started.release()
        go.acquire()

    session.before = hold
    tasks = [asyncio.create_task(engine.infer(request(value))) for value in (1, 2)]
    await asyncio.to_thread(started.acquire)  # the loop turns while the first one runs
    assert session.seen == [1]
    assert engine.in_flight == 2
    go.release(2)
    assert [(await task).outputs["double"].tolist() for task in tasks] == [[2], [4]]
    assert engine.in_flight == 0


async def test_a_cancelled_caller_leaves_the_line_and_harms_nobody(
    engine: Engine, session: FakeSession
) -> None:
    started, go = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        go.wait()

    session.before = hold
    running, waiting, last = (
        asyncio.create_task(engine.infer(request(value))) for value in (1, 2, 3)
    )
    await asyncio.to_thread(started.wait)
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    go.set()
    assert (await last).outputs["double"].tolist() == [6]
    assert session.seen == [1, 3], "the one that had not begun was never run"
