"""One HTTP request: its body, within limits, and its one answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import documents
from frazil_runtime.transport.server import Message, Receive, Send

JSON: Final = (b"content-type", b"application/json")
CLOSE: Final = (b"connection", b"close")

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request's body may cost.

    A body must come whole within ``seconds``, and ``1 / bytes_per_second`` more for each byte:
    slow networks get their time, and a byte now and then does not.
    """

    bytes: int = 64 * 1024 * 1024
    seconds: float = 30.0
    bytes_per_second: float = 4096.0
    linger_seconds: float = 5.0  # how long what follows a refusal is thrown away


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with all its body."""

    status: int
    body: bytes = b""
    headers: Headers = (JSON,)

    @classmethod
    def of_error(cls, error: InferenceError) -> Answer:
        """The code's HTTP status, and ``{"error": text}``."""
        return cls(error.code.value, documents.error(str(error)))


class Request:
    """The body is read on demand, once, and never beyond the limits."""

    def __init__(self, scope: Message, receive: Receive, send: Send, limits: Limits) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._receive = receive
        self._send = send
        self._limits = limits
        self._length = _content_length(scope)
        self._read = self._length == 0

    async def body(self) -> bytes:
        """All of the body. InferenceError where it is too long or too slow, or the client left."""
        if self._length is not None and self._length > self._limits.bytes:
            raise self._too_large()
        loop = asyncio.get_running_loop()
        started = loop.time()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.seconds) as deadline:
                while not self._read:
                    chunk = await self._chunk()
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self._limits.bytes:
                        raise self._too_large()
                    patience = self._limits.seconds + size / self._limits.bytes_per_second
                    deadline.reschedule(started + patience)
        except TimeoutError:
            raise InferenceError(
                Code.REQUEST_TIMEOUT, f"the request's body did not come: {size} bytes of it did"
            ) from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def answer(self, answer: Answer, headers: Headers) -> None:
        """Send the answer. Where the body was not read to its end, the connection ends with it."""
        length = (b"content-length", str(len(answer.body)).encode())
        if self._read:
            await self._start(answer, (*answer.headers, length, *headers))
            await self._send({"type": "http.response.body", "body": answer.body})
            return
        ending = headers if CLOSE in headers else (*headers, CLOSE)
        await self._start(answer, (*answer.headers, length, *ending))
        await self._send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await self._linger()
        await self._send({"type": "http.response.body"})

    async def _start(self, answer: Answer, headers: Headers) -> None:
        await self._send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )

    async def _chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._read = True
            raise InferenceError(Code.CANCELLED, "the client has gone")
        self._read = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    async def _linger(self) -> None:
        """Throw away what still comes: a socket closed over unread data takes the answer along."""
        try:
            async with asyncio.timeout(self._limits.linger_seconds):
                while not self._read:
                    await self._chunk()
        except (TimeoutError, InferenceError):
            return

    def _too_large(self) -> InferenceError:
        return InferenceError(
            Code.PAYLOAD_TOO_LARGE,
            f"the request's body is larger than {self._limits.bytes} bytes: send fewer rows at a "
            "time, or have the limit raised",
        )


def _content_length(scope: Message) -> int | None:
    """What the client claims; None where it claims nothing and sends chunks."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)  # the HTTP parser has checked it
        if name == b"transfer-encoding":
            return None
    return 0
