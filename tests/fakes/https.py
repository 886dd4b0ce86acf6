"""A real HTTPS server on loopback, its certificate, and what a test wants it to answer."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

HOST = "photos.example"  # the certificate's name
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class HttpsServer:
    """``answer`` gives each path's answer; ``requests`` are those that came."""

    port: int
    answer: Answer
    requests: list[web.BaseRequest] = field(default_factory=list)

    def url(self, path: str, host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server named HOST and of a client that trusts it."""
    key, chain = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    return server, ssl.create_default_context(cafile=chain)


@asynccontextmanager
async def https_server(tls: ssl.SSLContext, answer: Answer) -> AsyncIterator[HttpsServer]:
    """Serve ``answer`` on a free port of 127.0.0.1."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        running.requests.append(request)
        return await running.answer(request)

    # Cancelled when the client goes.
    runner = web.ServerRunner(web.Server(handle, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    running = HttpsServer(0, answer)
    await site.start()
    try:
        running.port = runner.addresses[0][1]
        yield running
    finally:
        await runner.cleanup()
