"""uvicorn's connection, grown old and impatient: it knows when to end, and waits for nobody."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from frazil_runtime.transport.parser import Parser

# In the scope's state: when the connection is old, in seconds; whether the request has all come.
EXPIRES: Final = "frazil.expires"
WHOLE: Final = "frazil.whole"

# kube-proxy balances connections, not requests: without an end, the first pod keeps its clients
# for ever. The spread keeps clients that came together from leaving together.
LIFETIME: Final = 30.0
SPREAD: Final = 0.2

HEAD_SECONDS: Final = 10.0  # for a request's line and headers, from the connection's start on
# Beyond the read in which the head begins: what else has come with it is another request's.
HEAD_BYTES: Final = 64 * 1024
STALL_SECONDS: Final = 30.0  # in which a client must take something of an answer that waits for it


def lifetime() -> float:
    """Seconds until a new connection is old: 30 ± 20 %."""
    return LIFETIME * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret


class Connection(HttpToolsProtocol):
    """Tells each request of it when the connection expires; the application does the rest.

    uvicorn bounds the time between two requests. This bounds the first wait, the size and the time
    of a request's head, and the time an answer may wait to be taken. Bodies are the application's.
    """

    clock = staticmethod(time.monotonic)
    lifetime = staticmethod(lifetime)
    head_seconds = HEAD_SECONDS
    stall_seconds = STALL_SECONDS

    _in_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser = Parser(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Draw the connection's lifetime."""
        self.app_state = {**self.app_state, EXPIRES: self.clock() + self.lifetime()}
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; where the head of a request is still incomplete, bound it."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head:
            if self._head_bytes > HEAD_BYTES:
                self.transport.abort()
            elif self._head_timer is None:
                self._expect_head()

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        if self.parser.should_upgrade():
            return
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is whole."""
        if not self.parser.should_upgrade():
            self.scope["state"][WHOLE] = True
            super().on_message_complete()

    def pause_writing(self) -> None:
        """The client takes less than it is sent: look again later whether it takes any."""
        super().pause_writing()
        self._expect_taking(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The client has taken nearly all."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        super().resume_writing()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _expect_taking(self, waiting: int) -> None:
        self._stall_timer = self.loop.call_later(self.stall_seconds, self._check_taking, waiting)

    def _check_taking(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._expect_taking(waiting)
        else:
            self.transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
