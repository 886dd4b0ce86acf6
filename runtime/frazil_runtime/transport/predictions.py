"""A prediction over HTTP: decode, infer, encode, and count it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Generic, Protocol, TypeVar

from frazil_runtime.engine import Array, InferRequest
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Served
from frazil_runtime.transport.requests import Answer, Request

# From about here on, the work costs more than a hand-over to a thread and back.
_INLINE_BYTES: Final = 64 * 1024

T = TypeVar("T")


class Call(Protocol):
    """What a codec makes of a request's body."""

    @property
    def request(self) -> InferRequest:
        """The engine's part of it."""


C = TypeVar("C", bound=Call)


@dataclass(frozen=True, slots=True)
class Codec(Generic[C]):
    """One protocol's infer call; ``protocol`` is its name in the metrics."""

    protocol: str
    decode: Callable[[bytes], C]
    encode: Callable[[C, Mapping[str, Array]], bytes]


class Predictions:
    """Answers predictions in any protocol. Long documents are read and written on ``threads``."""

    def __init__(self, metrics: Metrics, threads: Executor) -> None:
        self._metrics = metrics
        self._threads = threads

    async def answer(self, served: Served, codec: Codec[C], request: Request) -> Answer:
        """Run one request; every way it ends is counted."""
        started = perf_counter()
        signature = ""
        outcome = Code.INTERNAL.name
        try:
            body = await request.body.read()
            call = await self._run(len(body), codec.decode, body)
            signature = call.request.signature
            outputs = (await served.engine.infer(call.request)).outputs
            size = sum(array.nbytes for array in outputs.values())
            text = await self._run(size, codec.encode, call, outputs)
            outcome = "OK"
            return Answer(200, text)
        except InferenceError as error:
            outcome = error.code.name
            return Answer.of_error(error)
        except asyncio.CancelledError:
            outcome = Code.CANCELLED.name
            raise
        finally:
            seconds = perf_counter() - started
            self._metrics.observe(served.info.name, codec.protocol, signature, outcome, seconds)

    async def _run(self, size: int, work: Callable[..., T], *arguments: Any) -> T:
        if size <= _INLINE_BYTES:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
