"""The operator's own port: /healthz and /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from frazil_operator.reflector import Reflector

Health = Callable[[], str]  # what is wrong; "" where nothing is


def staleness(reflectors: Iterable[Reflector], seconds: float) -> Health:
    """Asks what has not been listed for three periods of ``seconds``; who does not lead yet has
    nothing to list."""

    def problem() -> str:
        now = asyncio.get_running_loop().time()
        stale = [r.resource.plural for r in reflectors if now - r.listed_at > 3 * seconds]
        return f"not listed for {3 * seconds:.0f} s: {', '.join(stale)}" if stale else ""

    return problem


@asynccontextmanager
async def endpoint(port: int, health: Health, host: str | None = None) -> AsyncIterator[int]:
    """Serve while the block runs, on all addresses; yields the port, which is chosen for 0."""

    async def healthz(_: web.Request) -> web.Response:
        problem = health()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def metrics(_: web.Request) -> web.Response:
        body = await asyncio.to_thread(generate_latest)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
