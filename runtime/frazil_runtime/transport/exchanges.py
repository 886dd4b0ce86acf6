"""One HTTP request and its one answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.logs import log
from frazil_runtime.protocol import documents
from frazil_runtime.requests import Body
from frazil_runtime.transport.limits import Limits, too_large

JSON: Final = (b"content-type", b"application/json")
OK: Final = "OK"  # the outcome of what succeeded; any other is the name of a Code
REST_BYTES: Final = 256 * 1024  # of a body that was answered before it had come whole
SHORT_BYTES: Final = 64 * 1024  # of a body that is read without asking for room
# Room for as much of a body as may come next, whatever its length is said to be. It will be written
# over; to append this is quicker than to have more made.
_MORE: Final = memoryview(bytes(1024 * 1024))

Headers = tuple[tuple[bytes, bytes], ...]


class Answer(NamedTuple):
    """A response with all its body. ``own`` are further headers, unlike any other answer's."""

    status: int
    body: bytes = b""
    headers: Headers = (JSON,)
    own: Headers = ()

    @classmethod
    def of_record(cls, record: object, status: int = 200) -> Answer:
        """A value as JSON."""
        return cls(status, documents.write(record))

    @classmethod
    def of_error(cls, error: InferenceError) -> Answer:
        """The code's status, ``{"error": text}``, and what may help: when to come again, or how."""
        headers: Headers = (JSON,)
        if error.retry_after is not None:
            seconds = max(1, math.ceil(error.retry_after))
            headers = (JSON, (b"retry-after", str(seconds).encode()))
        elif error.code is Code.UNSUPPORTED_ENCODING:
            headers = (JSON, (b"accept-encoding", b"gzip, deflate"))
        return cls(error.code.status, documents.error(str(error)), headers)


class Exchange:
    """A request as far as it has come, and its answer once there is one.

    ``lone``: no other client is connected.

    ``headers`` have lower-case names. ``length`` is the body's, as the client claims: 0 where there
    is none, None where it comes in chunks. ``further`` are headers of whatever the answer will be.

    Whoever works at it sets ``leave``, to be told when the client has gone, and ``ended``, to be
    told what became of it; and ``grown``, to hear how long its body is while it comes. ``ready`` is
    called when there is something to send.
    """

    __slots__ = (
        *("answer", "begin", "begun", "ended", "expects", "further", "grown", "headers", "keeps"),
        *("leave", "length", "limits", "lone", "method", "path", "size", "started", "whole"),
        *("_chunks", "_ready", "_room"),
    )

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[bytes, bytes],
        limits: Limits,
        ready: Callable[[], object],
    ) -> None:
        self.method, self.path, self.headers, self.limits = method, path, headers, limits
        self.length = _content_length(headers)
        self.size = 0  # bytes of the body so far
        self.started: float | None = None  # when the body began, if not at once
        self.whole = False  # the body has come to its end
        self.expects = headers.get(b"expect", b"").lower() == b"100-continue"
        self.lone = False
        self.keeps = True  # the client would like to go on with this connection
        self.begin: Begin | None = None  # it has been let in, and this will answer it
        self.begun = False
        self.answer: Answer | None = None
        self.further: Headers = ()
        self.leave: Callable[[], object] | None = None
        self.ended: Callable[[str], object] | None = None
        self.grown: Callable[[int], object] | None = None
        self._chunks: list[Body] = []
        self._room: bytearray | None = None
        self._ready = ready

    @property
    def body(self) -> Body:
        """All of it, once it is whole; nobody writes to it then."""
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    @property
    def ends_soon(self) -> bool:
        """Whether what is still to come of it is sooner read than a connection is made.

        Who waits for a word may send nothing more at all.
        """
        if self.whole:
            return True
        return not self.expects and self.rest is not None and self.rest <= REST_BYTES

    @property
    def rest(self) -> int | None:
        """Bytes of the body that are still to come; None where it comes in chunks."""
        return None if self.length is None else self.length - self.size

    def take(self, chunk: bytes | memoryview) -> None:
        """Some more of the body; what comes after an answer is thrown away."""
        self.size += len(chunk)
        if self.answer is None:
            self._chunks.append(bytes(chunk))  # no copy where these are bytes already

    def room(self) -> memoryview:
        """Where more of a body is to be put whose length is known: not more than its rest.

        To claim a length costs little: there is a mebibyte of room at most beyond what has come.
        """
        rest, room = self.rest or 0, self._room
        if room is None:
            room = bytearray(self.size + min(rest, len(_MORE)))
            room[: self.size] = self.body
            self._room, self._chunks = room, [room]
        elif len(room) == self.size:
            room += _MORE[:rest]
        return memoryview(room)[self.size :]

    def fill(self, size: int) -> None:
        """So many bytes have been put there; after an answer it does not matter where."""
        self.size += size

    def check_size(self) -> None:
        """PAYLOAD_TOO_LARGE where the body is, or is going to be, longer than it may be; or what
        ``grown`` has against it."""
        if max(self.size, self.length or 0) > self.limits.bytes:
            raise too_large(self.limits.bytes)
        if self.grown is not None:
            self.grown(self.size)

    def respond(self, answer: Answer, outcome: str = OK) -> None:
        """Answer it; of several answers the first holds."""
        if self.answer is None:
            self.answer = answer
            self._end(outcome)
            self._ready()

    def refuse(self, error: InferenceError) -> None:
        """Answer with an error, whether or not all of the request has come."""
        self.respond(Answer.of_error(error), error.code.name)

    def fail(self, error: BaseException) -> None:
        """A bug of ours: it is for the log, and none of the client's business."""
        log.error("%s %s failed", self.method, self.path, exc_info=error)
        self.refuse(InferenceError(Code.INTERNAL, "internal error: see the log"))

    def run(self, work: Coroutine[Any, Any, Answer]) -> None:
        """Answer with what ``work`` returns; it is cancelled when the client goes."""
        task = asyncio.create_task(work)
        self.leave = task.cancel
        task.add_done_callback(self._done)

    def gone(self) -> None:
        """The client does not wait any more."""
        leave = self.leave
        self._end(Code.CANCELLED.name)
        if leave is not None:
            leave()

    def _end(self, outcome: str) -> None:
        # Nothing that refers to this is referred to any more: requests are no garbage to be found.
        ended, self.ended, self.leave, self.begin = self.ended, None, None, None
        self.grown = None
        self._chunks, self._room = [], None
        if ended is not None:
            ended(outcome)

    def _done(self, task: asyncio.Task[Answer]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self.respond(task.result())
        elif isinstance(error, InferenceError):
            self.refuse(error)
        else:
            self.fail(error)


Begin = Callable[[], object]  # answers a request, now that it has come whole, here or later


class Handler(Protocol):
    """Answers the requests of one path and method."""

    def admit(self, exchange: Exchange) -> Begin:
        """Let it in, by its headers alone, and say what answers it; InferenceError refuses it."""


Methods = Mapping[str, Handler]


def nothing() -> None:
    """Begins what has been answered."""


class Plain:
    """Makes an answer at once, whatever the body may be; InferenceError is one, too."""

    def __init__(self, make: Callable[[Exchange], Answer]) -> None:
        self._make = make

    def admit(self, exchange: Exchange) -> Begin:
        """Nobody needs to come in."""
        exchange.respond(self._make(exchange))
        return nothing


class Short(Plain):
    """Makes an answer of a body that is short, and so needs no room."""

    def admit(self, exchange: Exchange) -> Begin:
        """Anybody may come in."""
        exchange.limits = replace(exchange.limits, bytes=SHORT_BYTES)
        return lambda: exchange.respond(self._make(exchange))


def constant(answer: Answer) -> Plain:
    """Who gives the same answer always."""
    return Plain(lambda _: answer)


def _content_length(headers: Mapping[bytes, bytes]) -> int | None:
    if b"content-length" in headers:
        return int(headers[b"content-length"])  # the HTTP parser has checked it
    return None if b"transfer-encoding" in headers else 0
