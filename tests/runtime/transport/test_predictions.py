"""What happens to a prediction between its bytes and its bytes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
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
from frazil_runtime.transport.admission import AdmitAll
from frazil_runtime.transport.bodies import Body, Limits
from frazil_runtime.transport.predictions import Codec, Predictions
from frazil_runtime.transport.requests import Answer, Request

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


def request(text: bytes, **headers: str) -> Request:
    async def receive() -> Any:
        return {"type": "http.request", "body": text, "more_body": False}

    fields = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    if "transfer_encoding" not in headers:
        fields[b"content-length"] = str(len(text)).encode()
    return Request("POST", "/", fields, Body(fields, receive, Limits(bytes=2**20), Lifecycle()))


def codec(seen: list[str]) -> Codec[Predict]:
    """TensorFlow Serving's, which notes on which thread it works."""

    def decode(body: bytes, _: int | None) -> Predict:
        seen.append(threading.current_thread().name.partition("_")[0])
        return tf_serving.decode(body, MODEL)

    def encode(call: Predict, outputs: Mapping[str, Array]) -> tuple[bytes, None]:
        seen.append(threading.current_thread().name.partition("_")[0])
        return tf_serving.encode(call, outputs), None

    return Codec("test", decode, encode)


def counted(metrics: Metrics, signature: str, code: str) -> bool:
    line = f'code="{code}",model="digits",protocol="test",signature="{signature}"}} 1.0'
    return line in metrics.render().decode()


async def test_a_short_document_is_read_and_written_in_place(
    threads: Executor, metrics: Metrics
) -> None:
    seen: list[str] = []
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
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
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec(seen), request(text)
    )
    assert answer.status == 200
    assert seen == ["codec", "codec"]


async def test_what_cannot_be_read_is_counted_without_a_signature(
    threads: Executor, metrics: Metrics
) -> None:
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec([]), request(b"{}")
    )
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

    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(Failing()), codec([]), request(b'{"instances": [1]}')
    )
    assert (answer.status, answer.body) == (code.status, b'{"error": "why"}')
    assert counted(metrics, "serving_default", code.name)


async def test_a_bug_is_counted_and_raised(threads: Executor, metrics: Metrics) -> None:
    broken = NumpyEngine(MODEL, lambda inputs: {"y": np.asarray(1 // 0)})
    with pytest.raises(ZeroDivisionError):
        await Predictions(metrics, threads, AdmitAll()).answer(
            served(broken),
            codec([]),
            request(b'{"instances": [1]}'),
        )
    assert counted(metrics, "serving_default", "INTERNAL")


class Remembering:
    """An engine that keeps what it was asked, and has the answer from its cache."""

    def __init__(self) -> None:
        self.asked: list[InferRequest] = []

    async def infer(self, request: InferRequest) -> InferResponse:
        self.asked.append(request)
        return InferResponse({"y": np.zeros(1, np.float32)}, cache="hit")


async def test_headers_shape_the_request_and_the_answer_tells_of_the_cache(
    threads: Executor, metrics: Metrics
) -> None:
    engine = Remembering()
    asking = request(b'{"instances": [1]}', x_request_timeout_ms="250", cache_control="no-store")
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(engine), codec([]), asking
    )
    assert (engine.asked[0].timeout, engine.asked[0].stored) == (0.25, False)
    assert (b"x-frazil-cache", b"hit") in answer.headers


async def test_a_header_that_makes_no_sense_is_refused_before_the_body_is_read(
    threads: Executor, metrics: Metrics
) -> None:
    asking = request(b'{"instances": [1]}', x_request_timeout_ms="soon")
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec([]), asking
    )
    assert answer.status == 400
    assert not asking.body.ended
    assert counted(metrics, "", "INVALID_ARGUMENT")


async def test_a_compressed_body_is_read_on_a_thread_as_it_may_be_of_any_length(
    threads: Executor, metrics: Metrics
) -> None:
    seen: list[str] = []
    asking = request(gzip.compress(b'{"instances": [1]}'), content_encoding="gzip")
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec(seen), asking
    )
    assert answer.status == 200
    assert seen == ["codec", "MainThread"]


async def test_a_bomb_is_too_large(threads: Executor, metrics: Metrics) -> None:
    asking = request(gzip.compress(bytes(2**21)), content_encoding="gzip")
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec([]), asking
    )
    assert answer.status == 413


async def test_an_encoding_that_is_none_is_told_which_there_are(
    threads: Executor, metrics: Metrics
) -> None:
    answer = await Predictions(metrics, threads, AdmitAll()).answer(
        served(DOUBLE), codec([]), request(b"", content_encoding="br")
    )
    assert answer.status == 415
    assert (b"accept-encoding", b"gzip, deflate") in answer.headers


@pytest.mark.parametrize("count", [1, 20_000], ids=["short", "long"])
async def test_a_long_answer_is_compressed_for_who_likes_it(
    count: int, threads: Executor, metrics: Metrics
) -> None:
    text = b'{"instances": [%s]}' % b",".join([b"1"] * count)
    plain, small = [
        await Predictions(metrics, threads, AdmitAll()).answer(
            served(DOUBLE), codec([]), request(text, accept_encoding=liked)
        )
        for liked in ("identity", "gzip")
    ]
    if count == 1:
        assert small == plain
    else:
        assert gzip.decompress(small.body) == plain.body
        assert (b"content-encoding", b"gzip") in small.headers


class Doorkeeper:
    """Notes who comes and who is in, and lets nobody in once it is shut."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int | None]] = []
        self.inside = 0
        self.shut = False

    @contextmanager
    def reserve(self, model: str, content_length: int | None) -> Iterator[None]:
        self.seen.append((model, content_length))
        if self.shut:
            raise InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=1.2)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


ASKED: dict[str, tuple[dict[str, str], bytes, int | None]] = {
    "a body of known length": ({}, b'{"instances": [1]}', 18),
    "a body in chunks": ({"transfer_encoding": "chunked"}, b'{"instances": [1]}', None),
    "a compressed body": ({"content_encoding": "gzip"}, gzip.compress(b'{"instances": [1]}'), None),
}


@pytest.mark.parametrize(("headers", "text", "length"), ASKED.values(), ids=ASKED)
async def test_room_is_kept_until_the_engine_has_the_request(
    headers: dict[str, str],
    text: bytes,
    length: int | None,
    threads: Executor,
    metrics: Metrics,
) -> None:
    door = Doorkeeper()
    inside: list[int] = []

    class Watching:
        async def infer(self, _: InferRequest) -> InferResponse:
            inside.append(door.inside)
            return InferResponse({"y": np.zeros(1, np.float32)})

    answer = await Predictions(metrics, threads, door).answer(
        served(Watching()), codec([]), request(text, **headers)
    )
    assert answer.status == 200
    assert door.seen == [("digits", length)]
    assert inside == [0]


async def test_who_is_not_let_in_is_not_read_and_told_when_to_come_again(
    threads: Executor, metrics: Metrics
) -> None:
    door = Doorkeeper()
    door.shut = True
    asking = request(b'{"instances": [1]}')
    answer = await Predictions(metrics, threads, door).answer(served(DOUBLE), codec([]), asking)
    assert answer.status == 429
    assert (b"retry-after", b"2") in answer.headers
    assert not asking.body.ended
    assert counted(metrics, "", "RESOURCE_EXHAUSTED")


async def test_what_is_too_large_is_told_so_even_when_there_is_no_room(
    threads: Executor, metrics: Metrics
) -> None:
    door = Doorkeeper()
    door.shut = True
    answer = await Predictions(metrics, threads, door).answer(
        served(DOUBLE), codec([]), request(bytes(2**20 + 1))
    )
    assert (answer.status, door.seen) == (413, [])


@pytest.mark.parametrize(("seconds", "told"), [(0.0, b"1"), (0.3, b"1"), (2.0, b"2"), (2.1, b"3")])
async def test_retry_after_is_in_whole_seconds(seconds: float, told: bytes) -> None:
    answer = Answer.of_error(InferenceError(Code.UNAVAILABLE, "later", retry_after=seconds))
    assert (b"retry-after", told) in answer.headers
