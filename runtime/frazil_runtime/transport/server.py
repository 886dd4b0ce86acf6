"""One port of HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from frazil_runtime.listeners import BACKLOG
from frazil_runtime.transport.clients import Clients
from frazil_runtime.transport.connections import App, Connection
from frazil_runtime.transport.terms import Terms

_TERMS: Final = Terms()


@asynccontextmanager
async def serving(
    app: App,
    listener: socket.socket,
    terms: Terms = _TERMS,
    connection: type[Connection] = Connection,
) -> AsyncIterator[None]:
    """Serve ``app`` on ``listener``, from here to the end of the block.

    At the end: stop listening, close idle connections, finish what is in flight.
    """
    clients, loop = Clients(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: connection(app, terms, clients, loop), sock=listener, backlog=BACKLOG
    )
    try:
        yield
    finally:
        server.close()
        await clients.stop()
