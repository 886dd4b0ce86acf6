"""What a connection receives: bytes in, exchanges out.

What is short is read into a buffer that all connections share, and parsed there: the parser's copy
of a short body is cheap. A long one whose length is known passes the parser by. What came with the
head is copied once, if the request is let in at all; the rest is read to where it is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from httptools import HttpParserCallbackError, HttpParserError

from frazil_runtime.errors import invalid
from frazil_runtime.transport import heads
from frazil_runtime.transport.exchanges import Exchange
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.parser import Parser

_END: Final = b"\r\n\r\n"  # of a head
_LONG: Final = 32 * 1024  # bytes from which on to look for that pays


class Limiting(Protocol):
    """Who says what a body may cost."""

    limits: Limits


class Receiver:
    """Appends requests to ``line`` as their heads have come, and hears the rest of each.

    ``scratch`` is what is read into: what it holds is used up before anything else is read.
    ``ready`` is every exchange's own; ``let_in`` may admit or refuse the one it is given, whose
    body has come but was not looked at.
    """

    def __init__(
        self,
        app: Limiting,
        scratch: bytearray,
        line: deque[Exchange],
        ready: Callable[[], object],
        let_in: Callable[[Exchange], object],
    ) -> None:
        self.url, self.headers = b"", list[tuple[bytes, bytes]]()
        self.coming: Exchange | None = None  # the last in line, or answered already, until whole
        self.in_head = False
        self.overhead = 0  # bytes, since a head began or some of a body came
        self.deaf = False  # nothing more is to be read
        self._app, self._line, self._ready, self._let_in = app, line, ready, let_in
        self._bytes, self._scratch = scratch, memoryview(scratch)
        self._parser = Parser(self)
        self._passing: Exchange | None = None  # what is coming, if past the parser

    def room(self) -> memoryview:
        """Where to put what comes next; never beyond the end of a body that the parser misses."""
        coming = self.coming
        if coming is None:
            return self._scratch
        if self._passing is None and self._is_to_pass(coming):
            self._passing = coming
        if self._passing is None:
            return self._scratch
        return coming.room() if coming.answer is None else self._scratch[: coming.rest]

    def take(self, size: int) -> None:
        """So many bytes have come into the room that was given last.

        What cannot be read is a request, too: it is refused, and nothing is heard after it.
        """
        if self._passing is not None:
            self._pass(self._passing, size)
            return
        self.overhead += size
        data = self._scratch[:size]
        try:
            if size >= _LONG and self.coming is None and not self.in_head:
                data = self._take_head(data)
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._refuse(error)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.in_head = True
        self.overhead = 0
        self.url, self.headers = b"", []

    def on_url(self, url: bytes) -> None:
        """Some of the request's target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head; what follows a body is of no use."""
        if self.in_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        if self._parser.should_upgrade():
            return
        limits = self._app.limits
        exchange = heads.read(self._parser, self.url, self.headers, limits, self._ready)
        self.in_head = False
        self._line.append(exchange)
        self.coming = exchange

    def on_body(self, chunk: bytes) -> None:
        """Some of the request's body."""
        self.overhead = 0
        if self.coming is not None:
            self.coming.take(chunk)

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self.coming is not None and not self._parser.should_upgrade():
            self.coming.whole = True
            self.coming = None

    def _refuse(self, error: HttpParserError) -> None:
        self.deaf = True
        exchange = self.coming
        if exchange is None:
            exchange = Exchange("", "", {}, self._app.limits, self._ready)
            exchange.whole = True  # a body that is broken off is on its way, and is lingered for
            self._line.append(exchange)
        self.in_head, self.coming, exchange.keeps = False, None, False
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else error
        if isinstance(cause, HttpParserError):
            exchange.refuse(invalid(f"what was sent cannot be read as HTTP/1.1: {cause}"))
        else:
            exchange.fail(cause or error)

    def _take_head(self, data: memoryview) -> memoryview:
        """Read a head, and the body behind it if that is here; what is left is the parser's."""
        end = self._bytes.find(_END, 0, len(data)) + len(_END)
        self._parser.feed_data(data[:end])
        coming, data = self.coming, data[end:]
        if coming is None or not coming.keeps:  # see _is_to_pass
            return data
        self._let_in(coming)
        rest = coming.rest
        if rest is None or rest > len(data):
            return data
        coming.take(data[:rest])
        self._pass(coming, 0)
        return data[rest:]

    def _pass(self, coming: Exchange, size: int) -> None:
        self.overhead = 0
        coming.fill(size)
        if not coming.rest:
            coming.whole = True
            self.coming = self._passing = None
            self._parser.restart()  # it would still wait for this body

    def _is_to_pass(self, coming: Exchange) -> bool:
        """Whether the rest of a body is long, and it has been let in.

        Not that of a last request: the parser knows to ignore what follows it, if it sees its end.
        """
        is_long = (coming.rest or 0) > len(self._scratch)
        return is_long and coming.begin is not None and coming.keeps
