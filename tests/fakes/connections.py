"""A connection without a socket, on a clock that moves when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from frazil_runtime.transport.clients import Clients
from frazil_runtime.transport.connections import Connection
from frazil_runtime.transport.exchanges import Answer, Begin, Exchange, nothing
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.terms import Terms


@dataclass
class Timer:
    loop: Loop
    due: float
    then: Callable[[], object]

    def when(self) -> float:
        return self.due

    def cancel(self) -> None:
        self.loop.timers.remove(self)


@dataclass
class Loop:
    """The part of an event loop that deadlines need."""

    now: float = 0.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, then: Callable[[], object]) -> Timer:
        self.timers.append(Timer(self, when, then))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass, and call on the way what is due."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.due <= end]:
            first = min(due, key=Timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.due)
            first.then()
        self.now = end


class Transport:
    """What a connection does to its socket: ``took`` says whether the client takes what it is sent,
    ``waiting`` what it has not taken."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.sent = b""
        self.waiting = 0
        self.took = True
        self.reading = True
        self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.aborted
        assert not self.closed
        self.sent += data
        if not self.took:
            self.waiting += len(data)
            if self.waiting == len(data):
                self.connection.pause_writing()

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.write(b"".join(pieces))

    def take(self) -> None:
        """The client takes all there is."""
        self.waiting, self.took = 0, True
        self.connection.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class App:
    """``/now`` is answered at once, ``/early`` before its body, ``/echo`` with its body, ``/bug``
    not at all; anything else waits in ``held`` for the test to answer it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.draining = False
        self.admitted: list[str] = []
        self.held: dict[str, Exchange] = {}

    def admit(self, exchange: Exchange) -> Begin:
        path = exchange.path
        self.admitted.append(path)
        if path == "/bug":
            raise ZeroDivisionError("secret")
        if path == "/early":
            exchange.respond(Answer(404, b"none", ()))
            return nothing
        if path in ("/now", "/echo"):
            return lambda: exchange.respond(Answer(200, bytes(exchange.body) or path.encode(), ()))
        return lambda: self.held.update({path: exchange})

    def answer(self, path: str) -> None:
        self.held[path].respond(Answer(200, path.encode(), ()))


class Peer:
    """A client of one connection, seen from the server: what it sends, and what it gets."""

    def __init__(self, app: object, clients: Clients | None = None, **terms: float) -> None:
        self.app, self.loop, self.transport = app, Loop(), Transport()
        self.clients = clients or Clients()
        granted = Terms(lambda: self.loop.now, lambda: 30.0, **terms)
        self.connection = Connection(app, granted, self.clients, self.loop)
        self.transport.connection = self.connection
        self.connection.connection_made(self.transport)

    def send(self, *pieces: bytes) -> None:
        """Each piece is read in one go, or in as many as the connection has room for."""
        for piece in pieces:
            rest = piece
            while rest:
                rest = rest[self._read(rest) :]

    def _read(self, data: bytes) -> int:
        """As event loops do: uvloop keeps hold of the room until the connection has used it."""
        room = self.connection.get_buffer(-1)
        size = min(len(room), len(data))
        assert size
        room[:size] = data[:size]
        self.connection.buffer_updated(size)
        return size

    def leave(self) -> None:
        self.connection.connection_lost(None)

    @property
    def ended(self) -> bool:
        return self.transport.closed or self.transport.aborted

    @property
    def replies(self) -> list[tuple[int, bytes]]:
        """Status and body of what has been sent; of 1xx and of HEAD there is no body."""
        return [(status, body) for status, _, body in parsed(self.transport.sent)]

    @property
    def statuses(self) -> list[int]:
        return [status for status, _ in self.replies]

    @property
    def last(self) -> bool:
        """Whether the last answer says that the connection ends."""
        return parsed(self.transport.sent)[-1][1].get("connection") == "close"


def parsed(sent: bytes) -> list[tuple[int, Mapping[str, str], bytes]]:
    """Responses one after the other, none of them to HEAD."""
    found = []
    while sent:
        head, _, sent = sent.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = dict(text.split(": ", 1) for text in fields)
        size = int(headers.get("content-length", 0))
        found.append((int(line.split()[1]), headers, sent[:size]))
        sent = sent[size:]
    return found
