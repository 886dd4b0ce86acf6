"""The body of one HTTP request, read within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.transport.server import Receive


@dataclass(frozen=True, slots=True)
class Limits:
    """What a body may cost.

    It must come whole within ``seconds``, and ``1 / bytes_per_second`` more for each byte that has
    come, without a pause of ``seconds``: a slow network gets its time, and one byte now and then
    does not. What follows a refusal is thrown away for ``linger_seconds``.
    """

    bytes: int = 64 * 1024 * 1024
    seconds: float = 30.0
    bytes_per_second: float = 4096.0
    linger_seconds: float = 5.0


class Body:
    """Read on demand, once. ``ended``: nothing more of it will come.

    ``length`` is what the client claims, 0 where there is no body; None where it comes in chunks.
    ``whole`` says that it has come already, so that no time needs to be limited.
    While the process drains no byte buys time, so that its end is near.
    """

    def __init__(
        self,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        limits: Limits,
        lifecycle: Lifecycle,
        *,
        whole: bool = False,
    ) -> None:
        self.length = _content_length(headers)
        self.limits = limits
        self._receive = receive
        self._lifecycle = lifecycle
        self._whole = whole
        self._size = 0
        self.ended = self.length == 0

    def check_length(self) -> None:
        """Raise where it is known to be too long before any of it has come."""
        if self.length is not None and self.length > self.limits.bytes:
            raise too_large(self.limits.bytes)

    async def read(self) -> bytes:
        """All of it. InferenceError where it is too long or too slow, or the client has gone."""
        if self.ended:
            return b""
        self.check_length()
        if self._whole:
            return await self._chunk()
        try:
            async with asyncio.timeout(self.limits.seconds) as deadline:
                first = await self._chunk()
                return first if self.ended else await self._rest(first, deadline)
        except TimeoutError:
            raise InferenceError(
                Code.REQUEST_TIMEOUT, f"the request's body came too slowly: {self._size} bytes"
            ) from None

    async def discard(self) -> None:
        """Throw away what still comes, for a while."""
        try:
            async with asyncio.timeout(self.limits.linger_seconds):
                while not self.ended:
                    await self._receive_chunk()
        except (TimeoutError, InferenceError):
            return

    async def _rest(self, first: bytes, deadline: asyncio.Timeout) -> bytes:
        limits, loop = self.limits, asyncio.get_running_loop()
        started = loop.time()
        chunks = [first]
        while not self.ended:
            if not self._lifecycle.draining:
                bought = min(loop.time() - started, self._size / limits.bytes_per_second)
                deadline.reschedule(started + bought + limits.seconds)
            chunks.append(await self._chunk())
        return b"".join(chunks)

    async def _chunk(self) -> bytes:
        chunk = await self._receive_chunk()
        self._size += len(chunk)
        if self._size > self.limits.bytes:
            raise too_large(self.limits.bytes)
        return chunk

    async def _receive_chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.ended = True
            raise InferenceError(Code.CANCELLED, "the client has gone")
        self.ended = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk


def too_large(limit: int) -> InferenceError:
    """The refusal of a body, to be raised."""
    return InferenceError(
        Code.PAYLOAD_TOO_LARGE,
        f"the request's body is larger than {limit} bytes: send fewer rows at a time",
    )


def _content_length(headers: Mapping[bytes, bytes]) -> int | None:
    if b"content-length" in headers:
        return int(headers[b"content-length"])  # the HTTP parser has checked it
    return None if b"transfer-encoding" in headers else 0
