"""One HTTP/1.1 connection that asks the same again and again, at little cost for its machine."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

import httptools

from frazil_runtime.client.remote import Server
from frazil_runtime.client.samples import NO_ANSWER


def post(server: Server, path: str, body: bytes, *, cached: bool) -> bytes:
    """The request as it goes over the wire; unless ``cached``, the model itself is to answer."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {server.host}:{server.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([] if cached else ["Cache-Control: no-store"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Asker:
    """Asks over a connection of its own, made anew whenever the server has ended it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tls: Final = ssl.create_default_context() if server.tls else None
        self._connection: _Connection | None = None

    async def ask(self, request: bytes) -> int:
        """The answer's status, or NO_ANSWER."""
        try:
            if self._connection is None or self._connection.ended:
                self._connection = await self._connect()
            return await self._connection.ask(request)
        except OSError:
            self.close()
            return NO_ANSWER

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.transport.close()
            self._connection = None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        host, port = self._server.host, self._server.port
        _, connection = await loop.create_connection(_Connection, host, port, ssl=self._tls)
        return connection


class _Connection(asyncio.Protocol):
    """Its methods besides ``ask`` are called by asyncio and by httptools."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.ended = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    async def ask(self, request: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()  # answered as a broken connection is

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("it ended without an answer"))

    def on_message_complete(self) -> None:
        self.ended = not self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())
        if self.ended:
            self.transport.close()
        self._parser = httptools.HttpResponseParser(self)
