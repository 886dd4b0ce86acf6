"""What happens to a prediction between its bytes and its bytes."""

from __future__ import annotations

import asyncio
import gc
import gzip
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from fakes.connections import Peer
from fakes.exchanges import LIMITS, Asked
from fakes.models import NumpyEngine, manifest, model, tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Infers, Served
from frazil_runtime.protocol import open_inference, tf_serving
from frazil_runtime.protocol.tf_serving import Predict
from frazil_runtime.requests import InferRequest, InferResponse
from frazil_runtime.transport import v2
from frazil_runtime.transport.admission import Admission, AdmitAll
from frazil_runtime.transport.exchanges import Answer, Begin, Exchange
from frazil_runtime.transport.predictions import Codec, Predictions

Array = npt.NDArray[Any]
Done = Callable[[InferResponse | InferenceError], object]

MODEL = manifest((tensor("x", "float32", (-1,)),), (tensor("y", "float32", (-1,)),))
DOUBLE = NumpyEngine(MODEL, lambda inputs: {"y": inputs["x"] * 2})
ONE = b'{"instances": [1]}'
MANY = b'{"instances": [%s]}' % b",".join([b"1"] * 300_000)
ZERO = InferResponse({"y": np.zeros(1, np.float32)})


class Doorkeeper:
    """Notes who comes, who is on the way and who is in; lets nobody in once it is shut."""

    def __init__(self, *, shut: bool = False) -> None:
        self.seen: list[tuple[str, int | None]] = []
        self.inside = self.coming = 0
        self.room = 10_000_000
        self.shut = shut

    def admit(self, model: str, content_length: int | None) -> int:
        self.seen.append((model, content_length))
        if self.shut:
            raise InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=1.2)
        self.inside += 100
        self.coming += 1
        return 100

    def grow(self, held: int, size: int) -> int:
        if self.inside + size - held > self.room:
            raise InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=1.2)
        self.inside += max(0, size - held)
        return max(held, size)

    def arrived(self) -> None:
        self.coming -= 1

    def release(self, size: int) -> None:
        self.inside -= size


@dataclass
class Port:
    """One model's predictions in TensorFlow Serving's protocol; ``seen`` has the threads on which
    bodies were read and written."""

    threads: Executor
    engine: Infers = DOUBLE
    door: Admission = field(default_factory=AdmitAll)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limits, self.draining = LIMITS, False
        self.metrics = Metrics()
        self.metrics.serves(model(MODEL))

    def admit(self, exchange: Exchange) -> Begin:
        codec = Codec("test", self._decode, self._encode)
        predictions = Predictions(self.metrics, self.threads, self.door)
        return predictions.of(Served(model(MODEL), self.engine), codec).admit(exchange)

    async def post(self, body: bytes, **headers: str) -> Answer:
        asked = ask(body, **headers)
        asked.come_to(self)
        return await asked.answered()

    @property
    def counted(self) -> list[tuple[str, str]]:
        """(outcome, signature) of all there were."""
        pattern = r'frazil_requests_total{code="(\w+)",.*signature="(\w*)"} (\d+)\.0'
        found = re.findall(pattern, self.metrics.render().decode())
        return [(code, signature) for code, signature, n in found for _ in range(int(n))]

    def _decode(self, body: bytes, _: int | None) -> Predict:
        self._note()
        return tf_serving.decode(body, MODEL)

    def _encode(self, call: Predict, response: InferResponse) -> tuple[bytes, None]:
        self._note()
        return tf_serving.encode(call, response.outputs), None

    def _note(self) -> None:
        self.seen.append(threading.current_thread().name.partition("_")[0])


class Engine:
    """Keeps what it was asked, until the test answers it; ``slow``: it wants a task."""

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.asked: list[InferRequest] = []
        self.done: list[Done] = []
        self.left = 0
        self.result: InferResponse | Exception = ZERO

    def start(self, request: InferRequest, done: Done) -> Callable[[], object] | None:
        if self.slow:
            return None
        self.asked.append(request)
        self.done.append(done)
        return self._leave

    async def infer(self, request: InferRequest) -> InferResponse:
        self.asked.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def _leave(self) -> None:
        self.left += 1


class Failing:
    """Answers with an error: as it is asked, or later, or after something was waited for."""

    def __init__(self, how: str, error: Exception) -> None:
        self.how, self.error = how, error

    def start(self, _: InferRequest, done: Done) -> Callable[[], object] | None:
        if self.how == "at once":
            raise self.error
        if self.how == "with a task":
            return None
        asyncio.get_running_loop().call_soon(done, self.error)
        return lambda: None

    async def infer(self, _: InferRequest) -> InferResponse:
        raise self.error


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, thread_name_prefix="codec") as executor:
        yield executor


@pytest.fixture
def port(threads: Executor) -> Port:
    return Port(threads)


def ask(body: bytes, **headers: str) -> Asked:
    return Asked("POST", "/", body, {name.replace("_", "-"): v for name, v in headers.items()})


# Where the work is done.


async def test_a_short_document_is_read_and_written_in_place_and_at_once(port: Port) -> None:
    asked = ask(ONE)
    asked.come_to(port)
    assert asked.answer is not None, "nothing was waited for"
    assert (asked.answer.status, asked.answer.body) == (200, b'{"predictions":[2.0]}')
    assert port.seen == ["MainThread", "MainThread"]
    assert port.counted == [("OK", "serving_default")]


@pytest.mark.parametrize(
    "headers",
    [{}, {"inference_header_content_length": "1"}],
    ids=["as it is", "that claims to be short"],
)
async def test_a_long_document_leaves_the_event_loop_free(
    port: Port, headers: dict[str, str]
) -> None:
    assert (await port.post(MANY, **headers)).status == 200
    assert port.seen == ["codec", "codec"]
    assert port.counted == [("OK", "serving_default")]


async def test_a_long_answer_to_a_short_document_leaves_it_free(port: Port) -> None:
    port.engine = NumpyEngine(MODEL, lambda _: {"y": np.zeros(50_000, np.float32)})
    assert len((await port.post(ONE)).body) > 50_000
    assert port.seen == ["MainThread", "codec"]


async def test_who_leaves_while_a_long_answer_is_written_is_not_waited_for(port: Port) -> None:
    port.engine = NumpyEngine(MODEL, lambda _: {"y": np.zeros(50_000, np.float32)})
    asked = ask(ONE)
    asked.come_to(port)
    work = asyncio.all_tasks() - {asyncio.current_task()}
    asked.gone()
    await asyncio.gather(*work, return_exceptions=True)
    assert [task.cancelled() for task in work] == [True]
    assert asked.answer is None
    assert port.counted == [("CANCELLED", "serving_default")]


async def test_a_compressed_body_is_read_on_a_thread_as_it_may_be_of_any_length(
    port: Port,
) -> None:
    assert (await port.post(gzip.compress(ONE), content_encoding="gzip")).status == 200
    assert port.seen == ["codec", "MainThread"]


async def test_what_the_engine_has_to_wait_for_is_waited_for(port: Port) -> None:
    port.engine = Engine(slow=True)
    assert (await port.post(ONE)).body == b'{"predictions":[0.0]}'
    assert port.counted == [("OK", "serving_default")]


# What is wrong.


async def test_what_cannot_be_read_is_counted_without_a_signature(port: Port) -> None:
    answer = await port.post(b"{}")
    assert answer.status == 400
    assert answer.body == b"""{"error": "Missing 'inputs' or 'instances' key"}"""
    assert port.counted == [("INVALID_ARGUMENT", "")]


@pytest.mark.parametrize("how", ["at once", "later", "with a task"])
@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
async def test_every_error_of_the_engine_has_its_status(port: Port, how: str, code: Code) -> None:
    port.engine = Failing(how, InferenceError(code, "why"))
    answer = await port.post(ONE)
    assert (answer.status, answer.body) == (code.status, b'{"error": "why"}')
    assert port.counted == [(code.name, "serving_default")]


@pytest.mark.parametrize("how", ["at once", "with a task"])
async def test_a_bug_is_logged_and_counted(
    port: Port, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    port.engine = Failing(how, ZeroDivisionError("secret"))
    answer = await port.post(ONE)
    assert (answer.status, answer.body) == (500, b'{"error": "internal error: see the log"}')
    assert port.counted == [("INTERNAL", "serving_default")]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("size", [1, 50_000], ids=["in place", "on a thread"])
async def test_an_answer_that_cannot_be_written_harms_not_who_gives_it(
    port: Port, size: int
) -> None:
    engine = port.engine = Engine()
    asked = ask(ONE)
    asked.come_to(port)
    engine.done[0](InferResponse({"y": np.full(size, object())}))
    assert (await asked.answered()).status == 500
    assert port.counted == [("INTERNAL", "serving_default")]


async def test_a_header_that_makes_no_sense_is_refused_before_the_body_is_read(port: Port) -> None:
    asked = ask(ONE, x_request_timeout_ms="soon")
    assert not asked.come_to(port)
    assert (await asked.answered()).status == 400
    assert port.counted == [("INVALID_ARGUMENT", "")]


async def test_a_bomb_is_too_large(port: Port) -> None:
    answer = await port.post(gzip.compress(bytes(2**21)), content_encoding="gzip")
    assert answer.status == 413
    assert port.counted == [("PAYLOAD_TOO_LARGE", "")]


async def test_an_encoding_that_is_none_is_told_which_there_are(port: Port) -> None:
    answer = await port.post(b"", content_encoding="br")
    assert answer.status == 415
    assert (b"accept-encoding", b"gzip, deflate") in answer.headers


# What headers say.


async def test_headers_shape_the_request_and_the_answer_tells_of_the_cache(port: Port) -> None:
    engine = port.engine = Engine()
    asked = ask(ONE, x_request_timeout_ms="250", cache_control="no-store")
    asked.come_to(port)
    assert (engine.asked[0].timeout, engine.asked[0].stored) == (0.25, False)
    assert not engine.asked[0].lone
    engine.done[0](InferResponse(ZERO.outputs, cache="hit"))
    assert (b"x-frazil-cache", b"hit") in (await asked.answered()).headers


@pytest.mark.parametrize("count", [1, 300_000], ids=["short", "long"])
async def test_a_long_answer_is_compressed_for_who_likes_it(port: Port, count: int) -> None:
    text = b'{"instances": [%s]}' % b",".join([b"1"] * count)
    plain, small = [await port.post(text, accept_encoding=liked) for liked in ("identity", "gzip")]
    if count == 1:
        assert small == plain
    else:
        assert gzip.decompress(small.body) == plain.body
        assert (b"content-encoding", b"gzip") in small.headers


# Room.


ASKED: dict[str, tuple[dict[str, str], bytes, int | None]] = {
    "a body of known length": ({}, ONE, 18),
    "a body in chunks": ({"transfer_encoding": "chunked"}, ONE, None),
    "a compressed body": ({"content_encoding": "gzip"}, gzip.compress(ONE, mtime=0), 38),
}


@pytest.mark.parametrize(("headers", "text", "length"), ASKED.values(), ids=ASKED)
async def test_room_is_kept_until_there_is_an_answer(
    port: Port, headers: dict[str, str], text: bytes, length: int | None
) -> None:
    door, engine = Doorkeeper(), Engine(slow=True)
    port.door, port.engine = door, engine
    asked = ask(text, **headers)
    assert asked.come_to(port)
    assert (door.seen, door.inside, door.coming) == ([("digits", length)], 100, 0)
    assert (await asked.answered()).status == 200
    assert door.inside == 0


async def test_who_is_not_let_in_is_not_read_and_told_when_to_come_again(port: Port) -> None:
    door = port.door = Doorkeeper(shut=True)
    asked = ask(ONE)
    assert not asked.come_to(port)
    answer = await asked.answered()
    assert answer.status == 429
    assert (b"retry-after", b"2") in answer.headers
    assert port.counted == [("RESOURCE_EXHAUSTED", "")]
    assert door.inside == 0


async def test_what_is_too_large_is_told_so_even_when_there_is_no_room(port: Port) -> None:
    door = port.door = Doorkeeper(shut=True)
    assert (await port.post(bytes(2**20 + 1))).status == 413
    assert door.seen == []
    assert port.counted == [("PAYLOAD_TOO_LARGE", "")]


@pytest.mark.parametrize(
    ("dtype", "on_a_thread"),
    [
        pytest.param("float32", False, id="numbers are taken as they are"),
        pytest.param("string", True, id="strings are read one by one"),
    ],
)
async def test_long_binary_data_is_read_where_it_is_in_nobodys_way(
    threads: Executor, monkeypatch: pytest.MonkeyPatch, dtype: str, on_a_thread: bool
) -> None:
    def read(*arguments: Any) -> open_inference.Infer:
        seen.append(threading.current_thread().name)
        return decode(*arguments)

    decode, seen, size = open_inference.decode, list[str](), 150_000
    monkeypatch.setattr(open_inference, "decode", read)
    of = model(manifest((tensor("x", dtype, (-1,)),), (tensor("y", "float32", (-1,)),)))
    engine = NumpyEngine(of.manifest, lambda inputs: {"y": np.zeros(1, np.float32)})
    metrics = Metrics()
    metrics.serves(of)
    lifecycle = Lifecycle()
    predictions = Predictions(metrics, threads, AdmitAll())
    handler = v2.of_model(Served(of, engine), lifecycle, predictions)[f"/v2/models/{of.name}/infer"]
    document = orjson.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": [size],
                    "datatype": "FP32" if dtype == "float32" else "BYTES",
                    "parameters": {"binary_data_size": 4 * size},
                }
            ]
        }
    )
    headers = {"inference-header-content-length": str(len(document))}
    asked = Asked("POST", "/", document + bytes(4 * size), headers)
    asked.come_to(handler["POST"])
    assert (await asked.answered()).status == 200
    assert [name.startswith("codec") for name in seen] == [on_a_thread]


# Over a connection.

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
WHOLE = HEAD + b"Content-Length: 18\r\n\r\n" + ONE
HALF = WHOLE[:-9]

LEFT: dict[str, tuple[bytes, int, tuple[str, str]]] = {
    "before its body has come": (HALF, 1, ("CANCELLED", "")),
    "before its answer": (WHOLE, 0, ("CANCELLED", "serving_default")),
}


@pytest.mark.parametrize(("sent", "coming", "counted"), LEFT.values(), ids=LEFT)
async def test_who_leaves(port: Port, sent: bytes, coming: int, counted: tuple[str, str]) -> None:
    door, engine = Doorkeeper(), Engine()
    port.door, port.engine = door, engine
    peer = Peer(port)
    peer.send(sent)
    assert (door.inside, door.coming, port.counted) == (100, coming, [])
    peer.leave()
    assert (door.inside, door.coming, port.counted) == (0, 0, [counted])
    assert engine.left == len(engine.done)
    for done in engine.done:  # it was on its way already
        done(ZERO)
    assert port.counted == [counted]


REFUSED: dict[str, tuple[bytes, float, str]] = {
    "a body that does not come": (HALF, 30.0, "REQUEST_TIMEOUT"),
    "a body that is no longer HTTP": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
        0.0,
        "INVALID_ARGUMENT",
    ),
    "a length over the limit": (
        HEAD + b"Content-Length: %d\r\n\r\n" % (2**20 + 1),
        0.0,
        "PAYLOAD_TOO_LARGE",
    ),
    "chunks over the limit": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + bytes(2**20 + 1),
        0.0,
        "PAYLOAD_TOO_LARGE",
    ),
}


@pytest.mark.parametrize(("sent", "seconds", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_in_the_middle_is_counted_once(
    port: Port, sent: bytes, seconds: float, code: str
) -> None:
    door = port.door = Doorkeeper()
    peer = Peer(port)
    peer.send(sent[:-4], sent[-4:])
    peer.loop.advance(seconds)
    assert peer.statuses == [Code[code].status]
    peer.send(b"}")
    peer.leave()
    assert (door.inside, door.coming, port.counted) == (0, 0, [(code, "")])


async def test_a_body_in_chunks_counts_as_far_as_it_has_come(port: Port) -> None:
    door = port.door = Doorkeeper()
    door.room = 3000
    leaves, stays = Peer(port), Peer(port)
    chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
    for peer, inside in ((leaves, 1000), (stays, 2000)):
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk)
        assert door.inside == inside
    stays.send(chunk)
    assert (door.inside, door.coming) == (3000, 2)
    stays.send(chunk)
    assert stays.statuses == [429]
    assert (door.inside, door.coming) == (1000, 1)
    stays.send(chunk)
    leaves.leave()
    assert (door.inside, door.coming) == (0, 0)
    assert port.counted == [("RESOURCE_EXHAUSTED", ""), ("CANCELLED", "")]


async def test_a_compressed_body_counts_as_what_was_in_it(port: Port) -> None:
    class Looks(Engine):
        async def infer(self, request: InferRequest) -> InferResponse:
            seen.append(door.inside)
            return await super().infer(request)

    door, seen = Doorkeeper(), list[int]()
    port.door, port.engine = door, Looks()
    assert (await port.post(gzip.compress(MANY), content_encoding="gzip")).status == 200
    door.room = 1_000_000
    assert (await port.post(gzip.compress(MANY), content_encoding="gzip")).status == 429
    assert (seen, door.inside, door.coming) == ([4 * 300_000], 0, 0)


async def test_answers_that_the_engine_gives_out_of_order_are_sent_in_order(port: Port) -> None:
    engine = port.engine = Engine()
    peer = Peer(port)
    peer.send(WHOLE * 3)
    assert len(engine.done) == 1, "the others are let in one after the other"
    for at in range(3):
        engine.done[at](InferResponse({"y": np.full(1, at, np.float32)}))
    assert [body for _, body in peer.replies] == [b'{"predictions":[%d.0]}' % at for at in range(3)]
    assert port.counted == [("OK", "serving_default")] * 3


SENT: dict[str, bytes] = {
    "an answer": b'{"instances": [1]}',
    "an error": b'{"instances": ["a"]}',
    "no document": b"",
}


@pytest.mark.parametrize("body", SENT.values(), ids=SENT)
async def test_what_has_been_answered_is_no_garbage_to_be_found(port: Port, body: bytes) -> None:
    """A reference cycle would keep each request's body until the next collection."""
    peer, request = Peer(port), HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    peer.send(request)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            peer.send(request)
        gc.collect()
        left = {type(each).__name__ for each in gc.garbage if "frazil" in type(each).__module__}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not left
