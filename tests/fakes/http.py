"""The HTTP port on a free port of this machine, and clients that misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from frazil_runtime.lifecycle import Lifecycle, ModelInfo, State
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Infers, Scores, Served
from frazil_runtime.transport.admission import Admission
from frazil_runtime.transport.connections import Connection
from frazil_runtime.transport.http import HttpApp
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.server import serving
from frazil_runtime.transport.terms import Terms


@dataclass
class Clock:
    """Seconds, as the test says."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A server that runs: where it is, and what can be turned on it."""

    port: int
    lifecycle: Lifecycle
    metrics: Metrics
    clock: Clock
    lost: asyncio.Event  # set when a connection has ended

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """A connection, to the end of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, written to byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def post(self, path: str, body: bytes, **headers: str) -> Reply:
        lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join((*lines, "", "")).encode() + body)
        return await self.reply()

    async def reply(self) -> Reply:
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            body = await self.reader.readexactly(int(headers["content-length"]))
            return Reply(int(head[0].split()[1]), headers, body)

    async def ended(self) -> bool:
        """Wait for the server to end the connection; False where it sends something instead."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def http_site(
    engine: Infers,
    model: ModelInfo,
    limits: Limits | None = None,
    *,
    head_seconds: float = 10.0,
    stall_seconds: float = 30.0,
    admission: Admission | None = None,
    feedback: Scores | None = None,
) -> AsyncIterator[Site]:
    """Serve on the loop of the test; connections live 30 s of the site's own clock."""
    listener = socket.create_server(("127.0.0.1", 0))
    clock, lifecycle, metrics = Clock(), Lifecycle(), Metrics()
    lifecycle.enter(State.READY)
    metrics.serves(model)

    lost = asyncio.Event()

    class Observed(Connection):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    terms = Terms(clock, lambda: 30.0, head_seconds, stall_seconds)
    app = HttpApp(
        {model.name: Served(model, engine, feedback=feedback)},
        metrics,
        lifecycle,
        limits=limits,
        admission=admission,
    )
    async with serving(app, listener, terms, Observed):
        yield Site(listener.getsockname()[1], lifecycle, metrics, clock, lost)
    app.close()
