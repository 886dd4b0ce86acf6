"""A prediction over HTTP: admit, decode, infer, encode, and count it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, Generic, Protocol, TypeVar

from frazil_runtime.contract import CACHE_HEADER
from frazil_runtime.contract.accuracy import ID_HEADER, OMITTED_HEADER
from frazil_runtime.errors import InferenceError
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Served
from frazil_runtime.protocol import numbers
from frazil_runtime.requests import Body, InferRequest, InferResponse, Stamp
from frazil_runtime.transport import encodings, options
from frazil_runtime.transport.admission import Admission
from frazil_runtime.transport.exchanges import JSON, Answer, Begin, Exchange, Headers
from frazil_runtime.transport.options import Options

# A shorter document is parsed in one go, which holds the interpreter's lock wherever it is done:
# a thread would only add the hand-over.
_READ_HERE: Final = numbers.LONG
_WRITE_HERE: Final = 64 * 1024  # bytes of arrays: a text is three times as long
_WORTH_DEFLATING: Final = 16 * 1024  # of an answer; what is shorter goes into a few packets anyway

_BINARY: Final = (b"content-type", b"application/octet-stream")
_CACHE: Final = CACHE_HEADER.lower().encode()
_ID: Final = ID_HEADER.lower().encode()
_OMITTED: Final = OMITTED_HEADER.lower().encode()

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

    ``decode`` gets beside the body how many bytes of it are a document, followed by binary data;
    None where it is all document. Where ``binary``, such data is read in one go.
    """

    protocol: str
    decode: Callable[[Body, int | None], C]
    encode: Callable[[C, InferResponse], tuple[bytes, int | None]]
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers predictions in any protocol. What is long or compressed is done on ``threads``."""

    metrics: Metrics
    threads: Executor
    admission: Admission

    def of(self, served: Served, codec: Codec[C]) -> Predicts[C]:
        """The handler of one model's predictions in one protocol."""
        return Predicts(self, served, codec)

    async def run_on_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do it where it is in nobody's way."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)


@dataclass(frozen=True, slots=True)
class Predicts(Generic[C]):
    """The handler of one model's predictions in one protocol."""

    shared: Predictions
    served: Served
    codec: Codec[C]

    def admit(self, exchange: Exchange) -> Begin:
        """Whatever is not too long, while there is room."""
        prediction = Prediction(self, exchange)
        exchange.ended = prediction.ended
        prediction.admit()
        return prediction.begin


class Prediction(Generic[C]):
    """One prediction: every way it ends is counted, and its room is given back."""

    __slots__ = (
        *("_asked", "_call", "_coming", "_exchange", "_held", "_of", "_signature", "_started"),
    )

    _call: C  # once it has been decoded

    def __init__(self, of: Predicts[C], exchange: Exchange) -> None:
        self._of, self._exchange = of, exchange
        self._started = perf_counter()
        self._asked = options.NONE
        self._held = 0
        self._coming = False
        self._signature = ""

    def admit(self) -> None:
        """Room first, then the body, then what it says."""
        exchange = self._exchange
        exchange.check_size()
        self._asked = options.read(exchange.headers)
        self._held = self._of.shared.admission.admit(self._of.served.info.name, exchange.length)
        self._coming = True
        if exchange.length is None:
            exchange.grown = self._grow

    def begin(self) -> None:
        """Answer without a task where that can be done, which costs much less."""
        self._arrived()
        exchange, asked = self._exchange, self._asked
        if asked.body or self._size_to_read() >= _READ_HERE:
            exchange.run(self._answer())
            return
        call = self._of.codec.decode(exchange.body, asked.json_bytes)
        self._call, self._signature = call, call.request.signature
        request = asked.applied(call.request)
        request.lone = exchange.lone
        leave = self._of.served.engine.start(request, self._finish)
        if leave is None:
            exchange.run(self._infer(call))
        elif exchange.answer is None and exchange.leave is None:
            # Else it has been answered within ``start``, or what is left is to write the answer.
            exchange.leave = leave

    def ended(self, outcome: str) -> None:
        """Count it, and give its room back."""
        of = self._of
        if self._coming:
            self._arrived()
        of.shared.admission.release(self._held)
        seconds = perf_counter() - self._started
        name, protocol = of.served.info.name, of.codec.protocol
        of.shared.metrics.observe(name, protocol, self._signature, outcome, seconds)

    def _grow(self, size: int) -> None:
        self._held = self._of.shared.admission.grow(self._held, size)

    def _arrived(self) -> None:
        self._coming = False
        self._of.shared.admission.arrived()

    def _finish(self, result: InferResponse | InferenceError) -> None:
        """Whatever goes wrong must not harm who calls this: the engine's turn is others', too."""
        exchange = self._exchange
        try:
            if isinstance(result, InferenceError):
                exchange.refuse(result)
            elif self._asked.answer or _size(result) > _WRITE_HERE:
                exchange.run(self._encode(result))
            else:
                exchange.respond(self._written(result))
        except InferenceError as error:
            exchange.refuse(error)
        except Exception as error:
            exchange.fail(error)

    def _size_to_read(self) -> int:
        """How many bytes are read one by one."""
        document = self._asked.json_bytes if self._of.codec.binary else None
        return self._exchange.size if document is None else document

    def _written(self, response: InferResponse) -> Answer:
        body, json_bytes = self._of.codec.encode(self._call, response)
        stamp = response.stamp
        own = () if stamp is None else _own(stamp)
        return Answer(200, body, _headers(response.cache, json_bytes), own)

    # What needs to wait, for a thread or for what the engine has to fetch.

    async def _answer(self) -> Answer:
        codec, asked, shared = self._of.codec, self._asked, self._of.shared
        body = self._exchange.body
        if asked.body:
            limit = self._exchange.limits.bytes
            call = await shared.run_on_thread(_inflated, codec, body, asked, limit)
            self._grow(sum([array.nbytes for array in call.request.inputs.values()]))
        else:
            call = await shared.run_on_thread(codec.decode, body, asked.json_bytes)
        self._call, self._signature = call, call.request.signature
        return await self._infer(call)

    async def _infer(self, call: C) -> Answer:
        return await self._encode(
            await self._of.served.engine.infer(self._asked.applied(call.request))
        )

    async def _encode(self, response: InferResponse) -> Answer:
        shared, liked = self._of.shared, self._asked.answer
        if _size(response) <= _WRITE_HERE:
            answer = self._written(response)
        else:
            answer = await shared.run_on_thread(self._written, response)
        if not liked or len(answer.body) < _WORTH_DEFLATING:
            return answer
        body = await shared.run_on_thread(encodings.deflate, answer.body, liked)
        encoding = (b"content-encoding", liked.encode())
        return Answer(answer.status, body, (*answer.headers, encoding), answer.own)


def _inflated(codec: Codec[C], body: Body, asked: Options, limit: int) -> C:
    return codec.decode(encodings.inflate(body, asked.body, limit), asked.json_bytes)


def _size(response: InferResponse) -> int:
    return sum([array.nbytes for array in response.outputs.values()])


def _own(stamp: Stamp) -> Headers:
    if stamp.id:
        return ((_ID, stamp.id.encode()),)
    return ((_OMITTED, stamp.omitted.encode()),)


@lru_cache(maxsize=64)
def _headers(cache: str, json_bytes: int | None) -> Headers:
    told = (_CACHE, cache.encode())
    if json_bytes is None:
        return JSON, told
    return _BINARY, (options.JSON_BYTES, str(json_bytes).encode()), told
