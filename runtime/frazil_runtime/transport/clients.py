"""The connections of one server, and how they all come to an end."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

SCRATCH_BYTES: Final = 512 * 1024  # as much as an event loop would read at once


class Client(Protocol):
    """One connection."""

    def stop(self) -> None:
        """Finish what has been asked, and end."""


class Clients:
    """The connections of one server.

    They read into ``scratch`` in turn: on one loop, each has used what it holds before the next.
    """

    def __init__(self) -> None:
        self.scratch = bytearray(SCRATCH_BYTES)
        self._connections: set[Client] = set()
        self._none = asyncio.Event()
        self._stopping = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._connections)

    def add(self, connection: Client) -> None:
        """One more; where it was accepted a moment too late, it is told so."""
        self._connections.add(connection)
        if self._stopping:
            connection.stop()

    def discard(self, connection: Client) -> None:
        """One less."""
        self._connections.discard(connection)
        if not self._connections:
            self._none.set()

    async def stop(self) -> None:
        """End the idle ones now, and wait until the others have been answered."""
        self._stopping = True
        for connection in list(self._connections):
            connection.stop()
        while self._connections:
            self._none.clear()
            await self._none.wait()
