"""What happens to a prediction between its bytes and its bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import NumpyEngine, manifest, model, tensor

from frazil_runtime.engine import InferRequest, InferResponse
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Infers, Served
from frazil_runtime.protocol import tf_serving
from frazil_runtime.protocol.tf_serving import Predict
from frazil_runtime.transport.bodies import Body, Limits
from frazil_runtime.transport.predictions import Codec, Predictions
from frazil_runtime.transport.requests import Request

Array = npt.NDArray[Any]

MODEL = manifest((tensor("x", "float32", (-1,)),), (tensor("y", "float32", (-1,)),))
DOUBLE = NumpyEngine(MODEL, lambda inputs: {"y": inputs["x"] * 2})


def served(engine: Infers) -> Served:
    return Served(model(MODEL), engine)


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, thread_name_prefix="codec") as executor:
        yield executor


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.serves(model(MODEL))
    return metrics


def request(text: bytes) -> Request:
    async def receive() -> Any:
        return {"type": "http.request", "body": text, "more_body": False}

    length = str(len(text)).encode()
    return Request("POST", "/", Body([(b"content-length", length)], receive, Limits(), Lifecycle()))


def codec(seen: list[str]) -> Codec[Predict]:
    """TensorFlow Serving's, which notes on which thread it works."""

    def decode(body: bytes) -> Predict:
        seen.append(threading.current_thread().name.partition("_")[0])
        return tf_serving.decode(body, MODEL)

    def encode(call: Predict, outputs: Mapping[str, Array]) -> bytes:
        seen.append(threading.current_thread().name.partition("_")[0])
        return tf_serving.encode(call, outputs)

    return Codec("test", decode, encode)


def counted(metrics: Metrics, signature: str, code: str) -> bool:
    line = f'code="{code}",model="digits",protocol="test",signature="{signature}"}} 1.0'
    return line in metrics.render().decode()


async def test_a_short_document_is_read_and_written_in_place(
    threads: Executor, metrics: Metrics
) -> None:
    seen: list[str] = []
    answer = await Predictions(metrics, threads).answer(
        served(DOUBLE), codec(seen), request(b'{"instances": [1]}')
    )
    assert (answer.status, answer.body) == (200, b'{"predictions":[2.0]}')
    assert seen == ["MainThread", "MainThread"]
    assert counted(metrics, "serving_default", "OK")


async def test_a_long_document_leaves_the_event_loop_free(
    threads: Executor, metrics: Metrics
) -> None:
    seen: list[str] = []
    text = b'{"instances": [%s]}' % b",".join([b"1"] * 50_000)
    answer = await Predictions(metrics, threads).answer(served(DOUBLE), codec(seen), request(text))
    assert answer.status == 200
    assert seen == ["codec", "codec"]


async def test_what_cannot_be_read_is_counted_without_a_signature(
    threads: Executor, metrics: Metrics
) -> None:
    answer = await Predictions(metrics, threads).answer(served(DOUBLE), codec([]), request(b"{}"))
    assert answer.status == 400
    assert answer.body == b"""{"error": "Missing 'inputs' or 'instances' key"}"""
    assert counted(metrics, "", "INVALID_ARGUMENT")


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
async def test_every_error_of_the_engine_has_its_status(
    code: Code, threads: Executor, metrics: Metrics
) -> None:
    class Failing:
        async def infer(self, _: InferRequest) -> InferResponse:
            raise InferenceError(code, "why")

    answer = await Predictions(metrics, threads).answer(
        served(Failing()), codec([]), request(b'{"instances": [1]}')
    )
    assert (answer.status, answer.body) == (code.status, b'{"error": "why"}')
    assert counted(metrics, "serving_default", code.name)


async def test_a_bug_is_counted_and_raised(threads: Executor, metrics: Metrics) -> None:
    broken = NumpyEngine(MODEL, lambda inputs: {"y": np.asarray(1 // 0)})
    with pytest.raises(ZeroDivisionError):
        await Predictions(metrics, threads).answer(
            served(broken),
            Codec("test", partial(tf_serving.decode, manifest=MODEL), tf_serving.encode),
            request(b'{"instances": [1]}'),
        )
    assert counted(metrics, "serving_default", "INTERNAL")
