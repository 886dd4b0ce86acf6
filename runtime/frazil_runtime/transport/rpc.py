"""One call over gRPC: decode, infer, encode, and count it; errors in the protocol's terms."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from time import monotonic, perf_counter
from typing import Any, Final, Generic, Protocol, TypeVar

import grpc

from frazil_runtime.contract import CACHE_HEADER, REVISION_HEADER
from frazil_runtime.contract.accuracy import ID_HEADER, OMITTED_HEADER
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.logs import log
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol.messages import Message, parse
from frazil_runtime.requests import InferRequest, InferResponse, Stamp
from frazil_runtime.transport.admission import Admission
from frazil_runtime.transport.rpc_compression import inflated

# A message's bytes are copied at once, whatever they are: only typed fields take time.
_INLINE_BYTES: Final = 1024 * 1024

# Bytes of an error's text. It travels in a header, in which each byte may become three, and
# clients read 8 KiB of headers.
_TEXT: Final = 2048
_PUSHBACK: Final = "grpc-retry-pushback-ms"
_CACHE: Final = CACHE_HEADER.lower()
_REVISION: Final = REVISION_HEADER.lower()
_ID: Final = ID_HEADER.lower()
_OMITTED: Final = OMITTED_HEADER.lower()

_STATUS: Final = {
    Code.REQUEST_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Code.PAYLOAD_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

Context = Any  # grpc.aio.ServicerContext
Behaviour = Callable[[bytes, Context], Awaitable[bytes]]
T = TypeVar("T")


class Call(Protocol):
    """What a codec makes of a message."""

    @property
    def requests(self) -> Sequence[InferRequest]:
        """What the engine is asked, one after the other."""


C = TypeVar("C", bound=Call)


@dataclass(frozen=True, slots=True)
class Codec(Generic[C]):
    """One predicting call. ``protocol`` is its name in the metrics, ``message`` its request.

    ``find`` gives the model that a request names; NOT_FOUND where there is none.
    """

    protocol: str
    message: Message
    find: Callable[[Models, Message], Served]
    decode: Callable[[Message, ModelInfo], C]
    encode: Callable[[C, Sequence[InferResponse]], bytes]


class Rpc:
    """Makes handlers of calls. Long messages are read and written on ``threads``.

    ``max_bytes`` is asked at each call: how many a message may have.
    """

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        threads: Executor,
        admission: Admission,
        max_bytes: Callable[[], int],
    ) -> None:
        self._models = models
        self._admission = admission
        self._metrics = metrics
        self._threads = threads
        self.max_bytes = max_bytes
        self.last = -math.inf  # when a call last came, in seconds of ``monotonic``

    def predicts(self, codec: Codec[Any]) -> Any:
        """The handler of a call that predicts."""

        async def behaviour(data: bytes, context: Context) -> bytes:
            return await self._predict(codec, data, context)

        return self._handler(behaviour)

    def tells(self, message: Message, answer: Callable[[Message], Message]) -> Any:
        """The handler of a call that only tells of something."""

        async def behaviour(data: bytes, context: Context) -> bytes:
            del context
            text: bytes = answer(parse(message, data)).SerializeToString()
            return text

        return self._handler(behaviour)

    def refuses(self, text: str) -> Any:
        """The handler of a call that is not implemented; ``text`` says what to do instead."""

        async def behaviour(data: bytes, context: Context) -> bytes:
            raise InferenceError(Code.UNIMPLEMENTED, text)

        return self._handler(behaviour)

    def _handler(self, behaviour: Behaviour) -> Any:
        async def answered(data: bytes, context: Context) -> bytes:
            self.last = monotonic()
            try:
                return await behaviour(inflated(data, self.max_bytes()), context)
            except InferenceError as error:
                refusal = InferenceError(error.code, _short(str(error)), error.retry_after)
            except Exception:
                log.exception("a call failed")
                refusal = InferenceError(Code.INTERNAL, "internal error: see the log")
            # The library keeps what abort raises in a cycle, and with it every frame that was left
            # for it: a message of 64 MiB would stay until the garbage is next collected.
            del data
            await abort(context, refusal)
            raise AssertionError  # abort raises

        return grpc.unary_unary_rpc_method_handler(answered)

    async def _predict(self, codec: Codec[C], data: bytes, context: Context) -> bytes:
        started = perf_counter()
        message = parse(codec.message, data)
        served = codec.find(self._models, message)
        signature, outcome, held = "", Code.INTERNAL.name, 0
        try:
            held = self._admission.admit(served.info.name, len(data))
            self._admission.arrived()  # a message comes whole
            call = await self._run(len(data), codec.decode, message, served.info)
            signature = call.requests[0].signature
            responses = [
                await served.engine.infer(_adapted(request, context)) for request in call.requests
            ]
            size = sum(array.nbytes for each in responses for array in each.outputs.values())
            answer = await self._run(size, codec.encode, call, responses)
            await context.send_initial_metadata(_metadata(served.info, responses))
            outcome = "OK"
            return answer
        except InferenceError as error:
            outcome = error.code.name
            raise
        except asyncio.CancelledError:
            outcome = Code.CANCELLED.name
            raise
        finally:
            self._admission.release(held)
            seconds = perf_counter() - started
            self._metrics.observe(served.info.name, codec.protocol, signature, outcome, seconds)

    async def _run(self, size: int, work: Callable[..., T], *arguments: Any) -> T:
        if size <= _INLINE_BYTES:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


async def abort(context: Context, error: InferenceError) -> None:
    """End a call with an error; another try is announced where it may fare better."""
    status = _STATUS.get(error.code) or grpc.StatusCode[error.code.name]
    trailing: tuple[tuple[str, str], ...] = ()
    if error.retry_after is not None:
        trailing = ((_PUSHBACK, str(round(error.retry_after * 1000))),)
    await context.abort(status, _short(str(error)), trailing)


def _adapted(request: InferRequest, context: Context) -> InferRequest:
    """The request with what the call itself asks for: a deadline, no stored answer."""
    left: float | None = context.time_remaining()
    stored = not _asks_for_no_store(context)
    if left is None and stored:
        return request
    patience = [seconds for seconds in (left, request.timeout) if seconds is not None]
    return replace(request, timeout=min(patience, default=None), stored=stored)


def _asks_for_no_store(context: Context) -> bool:
    return any(
        key == "cache-control" and "no-store" in value
        for key, value in context.invocation_metadata() or ()
    )


def _metadata(model: ModelInfo, responses: Sequence[InferResponse]) -> tuple[tuple[str, str], ...]:
    caches = {response.cache for response in responses}
    cache = caches.pop() if len(caches) == 1 else "miss"
    ids = [_stamped(response.stamp) for response in responses if response.stamp is not None]
    return ((_REVISION, model.revision), (_CACHE, cache), *ids)


def _stamped(stamp: Stamp) -> tuple[str, str]:
    return (_ID, stamp.id) if stamp.id else (_OMITTED, stamp.omitted)


def _short(text: str) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= _TEXT else data[:_TEXT].decode(errors="ignore") + "…"


Handlers = Mapping[str, Any]  # method → handler
