"""uvicorn as a part of a process, not its master: no signal handling, no access log."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from uvicorn import Config, Server

from frazil_runtime.listeners import BACKLOG
from frazil_runtime.transport.connections import Connection

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# Seconds an idle connection is kept. Longer than the pools of common clients and proxies (60 s):
# the side that closes first must not be the one that cannot know whether a request is on its way.
KEEP_ALIVE: Final = 75


@asynccontextmanager
async def serving(
    app: App, listener: socket.socket, connection: type[Connection] = Connection
) -> AsyncIterator[None]:
    """Serve ``app`` on ``listener``, from here to the end of the block.

    At the end: stop listening, close idle connections, finish what is in flight.
    """
    config = Config(
        app,
        http=connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
    )
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listener])
