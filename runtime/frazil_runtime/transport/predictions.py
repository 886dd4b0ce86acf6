"""A prediction over HTTP: admit, decode, infer, encode, and count it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Generic, Protocol, TypeVar

from frazil_runtime.contract import CACHE_HEADER
from frazil_runtime.engine import Array, InferRequest
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Served
from frazil_runtime.transport import encodings, options
from frazil_runtime.transport.admission import Admission
from frazil_runtime.transport.options import Options
from frazil_runtime.transport.requests import JSON, Answer, Headers, Request

# From about here on, the work costs more than a hand-over to a thread and back.
_INLINE_BYTES: Final = 64 * 1024
_WORTH_DEFLATING: Final = 16 * 1024  # of an answer; what is shorter goes into a few packets anyway

_BINARY: Final = (b"content-type", b"application/octet-stream")
_CACHE: Final = CACHE_HEADER.lower().encode()

T = TypeVar("T")


class Call(Protocol):
    """What a codec makes of a request's body."""

    @property
    def request(self) -> InferRequest:
        """The engine's part of it."""


C = TypeVar("C", bound=Call)


@dataclass(frozen=True, slots=True)
class Codec(Generic[C]):
    """One protocol's infer call; ``protocol`` is its name in the metrics.

    A body may be a document followed by binary data: beside it goes the number of bytes of the
    document, None where it is all document.
    """

    protocol: str
    decode: Callable[[bytes, int | None], C]
    encode: Callable[[C, Mapping[str, Array]], tuple[bytes, int | None]]


class Predictions:
    """Answers predictions in any protocol. What is long or compressed is done on ``threads``."""

    def __init__(self, metrics: Metrics, threads: Executor, admission: Admission) -> None:
        self._metrics = metrics
        self._threads = threads
        self._admission = admission

    async def answer(self, served: Served, codec: Codec[C], request: Request) -> Answer:
        """Run one request; every way it ends is counted."""
        started = perf_counter()
        signature = ""
        outcome = Code.INTERNAL.name
        try:
            asked = options.read(request.headers)
            call = await self._call(served.info.name, codec, request, asked)
            signature = call.request.signature
            response = await served.engine.infer(asked.applied(call.request))
            size = sum(array.nbytes for array in response.outputs.values())
            body, json_bytes = await self._run(size, codec.encode, call, response.outputs)
            headers = (*_content(json_bytes), (_CACHE, response.cache.encode()))
            answer = await self._deflated(Answer(200, body, headers), asked)
            outcome = "OK"
            return answer
        except InferenceError as error:
            outcome = error.code.name
            return Answer.of_error(error)
        except asyncio.CancelledError:
            outcome = Code.CANCELLED.name
            raise
        finally:
            seconds = perf_counter() - started
            self._metrics.observe(served.info.name, codec.protocol, signature, outcome, seconds)

    async def _call(self, model: str, codec: Codec[C], request: Request, asked: Options) -> C:
        """Room first, then the body, then what it says."""
        coming = request.body
        coming.check_length()
        length = None if asked.body else coming.length
        with self._admission.reserve(model, length):
            body = await coming.read()
            if not asked.body:
                return await self._run(len(body), codec.decode, body, asked.json_bytes)
            return await self._run_on_thread(_inflated, codec, body, asked, coming.limits.bytes)

    async def _deflated(self, answer: Answer, asked: Options) -> Answer:
        if not asked.answer or len(answer.body) < _WORTH_DEFLATING:
            return answer
        body = await self._run_on_thread(encodings.deflate, answer.body, asked.answer)
        encoding = (b"content-encoding", asked.answer.encode())
        return Answer(answer.status, body, (*answer.headers, encoding))

    async def _run(self, size: int, work: Callable[..., T], *arguments: Any) -> T:
        if size <= _INLINE_BYTES:
            return work(*arguments)
        return await self._run_on_thread(work, *arguments)

    async def _run_on_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _inflated(codec: Codec[C], body: bytes, asked: Options, limit: int) -> C:
    return codec.decode(encodings.inflate(body, asked.body, limit), asked.json_bytes)


def _content(json_bytes: int | None) -> Headers:
    if json_bytes is None:
        return (JSON,)
    return _BINARY, (options.JSON_BYTES, str(json_bytes).encode())
