"""One connection of HTTP/1.1: exchanges have their turn, answers go back in order.

It knows when to end, and waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from frazil_runtime.errors import InferenceError
from frazil_runtime.transport.clients import Clients
from frazil_runtime.transport.deadlines import Deadline
from frazil_runtime.transport.exchanges import Answer, Begin, Exchange
from frazil_runtime.transport.limits import Limits, too_slow
from frazil_runtime.transport.receiving import Receiver
from frazil_runtime.transport.terms import HEAD_BYTES, Terms
from frazil_runtime.transport.wire import CONTINUE, head

_JOINED: Final = 64 * 1024  # bytes of an answer that are cheaper copied than sent by themselves


class App(Protocol):
    """Answers requests."""

    limits: Limits

    @property
    def draining(self) -> bool:
        """Whether each answer is its connection's last."""

    def admit(self, exchange: Exchange) -> Begin:
        """Let a request in, by its headers alone, and say what answers it once it has come whole.

        InferenceError of either is an answer.
        """


class Connection(asyncio.BufferedProtocol):
    """A client's requests, one after the other.

    Bounded are the time and size of a request's head, the time of its body, the time an answer may
    wait to be taken, the time between two requests, and the connection's life.
    """

    transport: asyncio.Transport

    def __init__(
        self, app: App, terms: Terms, clients: Clients, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._app, self._terms, self._clients = app, terms, clients
        self._loop, self._deadline = loop, Deadline(loop)
        self._line = deque[Exchange]()  # in the order in which they are to be answered
        self.receiver = Receiver(app, clients.scratch, self._line, self._go_on, self._let_in)
        self._stopping = False  # the next answer is the last
        self._done = False  # the last answer has been sent
        self._waiting = False  # to be read on, until there is less to do
        self._stalled = False  # the client does not take what it is sent
        self._busy = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it can be written to
        """Draw the connection's lifetime."""
        self.transport = transport
        self._expires = self._terms.clock() + self._terms.lifetime()
        self._deadline.set(self._terms.head_seconds, transport.abort)
        self._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who work for this client."""
        self.receiver.deaf = self._done = True
        self._clients.discard(self)
        self._deadline.cancel()
        for exchange in self._line:
            exchange.gone()

    def eof_received(self) -> None:
        """Who says no more does not listen any more: one cannot tell, and few do."""
        self._close()

    def stop(self) -> None:
        """Finish what has been asked, and end."""
        self._stopping = True
        if self._line or self._done:
            return
        if self.receiver.coming is None:
            self._close()
        else:
            self._done = True  # it has been answered, and only has to be read to its end

    # What comes.

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what comes."""
        return self.receiver.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Answer what can be answered, and bound what has not come whole."""
        receiver = self.receiver
        if receiver.deaf:
            return
        coming = receiver.coming
        receiver.take(nbytes)
        if coming is not None and coming.whole and not (self._line or receiver.deaf):
            self._expect_more()  # it was answered before, and only had to be read
        self._go_on()
        self._bound()

    def _bound(self) -> None:
        receiver = self.receiver
        too_long = receiver.overhead > HEAD_BYTES
        if self._done:
            if not receiver.deaf and (receiver.coming is None or too_long):
                self._close()
        elif receiver.in_head or receiver.coming is not None:
            if too_long:
                self.transport.abort()
            elif not receiver.overhead and receiver.in_head and not self._line:
                self._expect_more()

    # What goes.

    def _go_on(self) -> None:
        """Go on with the first in line: let it in, have it answered, send its answer."""
        if self._busy:  # from where an answer was given at once
            return
        self._busy = True
        while self._line and not (self._done or self._stalled):
            first = self._line[0]
            if first.answer is None:
                self._attempt(self._work_at, first)
            if first.answer is None:
                break
            self._send(first, first.answer)
        self._busy = False
        self._wait(self._stalled or (len(self._line) > 1 and not self.receiver.deaf))

    def _let_in(self, exchange: Exchange) -> None:
        """Let in, or refuse, whose turn it is; to tell it is for when its body has been read."""
        if self._line[0] is exchange and not (self._done or self._stalled):
            self._busy = True
            self._attempt(self._admit, exchange)
            self._busy = False

    def _attempt(self, work: Callable[[Exchange], object], exchange: Exchange) -> None:
        try:
            work(exchange)
        except InferenceError as error:
            exchange.refuse(error)
        except Exception as error:
            exchange.fail(error)

    def _admit(self, exchange: Exchange) -> None:
        exchange.begin = self._app.admit(exchange)

    def _work_at(self, exchange: Exchange) -> None:
        if exchange.begin is None:
            self._admit(exchange)
            if exchange.answer is not None:
                return
        exchange.check_size()
        if not exchange.whole:
            self._expect_body(exchange)
        elif exchange.begin is not None and not exchange.begun:
            exchange.begun, exchange.lone = True, self._clients.count == 1
            self._deadline.clear()
            exchange.begin()

    def _expect_body(self, exchange: Exchange) -> None:
        """Bound its time; some clients send none before they are told to."""
        if exchange.expects and not exchange.size:
            exchange.expects = False
            self.transport.write(CONTINUE)
        now, limits = self._loop.time(), exchange.limits
        if exchange.started is None:
            exchange.started = now
        passed = now - exchange.started
        # While the process drains no byte buys time, so that its end is near.
        size = 0 if self._app.draining else exchange.size
        left = limits.patience(passed, size) - passed
        self._deadline.set(left, lambda: self._give_up(exchange))

    def _give_up(self, exchange: Exchange) -> None:
        exchange.keeps = False
        exchange.refuse(too_slow(exchange.size))

    def _expect_more(self) -> None:
        """Bound the time until the next request, of its head, or of what nobody wants any more."""
        terms = self._terms
        if self._done or self.receiver.coming is not None:
            self._deadline.set(self._app.limits.linger_seconds, self._close)
        elif self.receiver.in_head:
            self._deadline.set(terms.head_seconds, self.transport.abort)
        else:
            self._deadline.set(terms.keep_alive_seconds, self._close)

    def _send(self, exchange: Exchange, answer: Answer) -> None:
        self._line.popleft()
        self._done = last = self._is_last(exchange)
        self._expect_more()
        headers = (*answer.headers, *exchange.further)
        start = head(answer.status, headers, len(answer.body), last=last, own=answer.own)
        body = b"" if exchange.method == "HEAD" else answer.body
        if len(body) <= _JOINED:
            self.transport.write(start + body)
        else:
            self.transport.writelines((start, body))
        if last and exchange.whole:
            self._end()

    def _end(self) -> None:
        """Close, but not over what has not been read: that would take the answers along."""
        if self._line:
            self.receiver.deaf = True
        else:
            self._close()

    def _is_last(self, exchange: Exchange) -> bool:
        """Whether this answer is the connection's last: asked as late as can be."""
        if self._stopping or self._app.draining or not exchange.keeps:
            return True
        return not exchange.ends_soon or self._terms.clock() >= self._expires

    def _close(self) -> None:
        """Close once everything has been taken."""
        self.receiver.deaf = self._done = True
        self.transport.close()
        self._expect_taking()

    def _wait(self, waiting: bool) -> None:
        """Read nothing more while there is more than enough to do."""
        if waiting is not self._waiting and not self.transport.is_closing():
            self._waiting = waiting
            if waiting:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # What is not taken.

    def pause_writing(self) -> None:
        """The client takes less than it is sent: look again later whether it takes any."""
        self._stalled = True
        self._expect_taking()

    def resume_writing(self) -> None:
        """The client has taken nearly all."""
        self._stalled = False
        self._expect_more()
        self._go_on()

    def _expect_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._deadline.set(self._terms.stall_seconds, lambda: self._check_taking(waiting))

    def _check_taking(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._expect_taking()
        else:
            self.transport.abort()
