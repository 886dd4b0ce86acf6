"""Where what comes is put: bodies that come in pieces, past the parser or through it."""

from __future__ import annotations

import pytest
from fakes.connections import App, Peer

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.transport.clients import Clients
from frazil_runtime.transport.exchanges import REST_BYTES, Begin, Exchange
from frazil_runtime.transport.limits import Limits

LIMITS = Limits(bytes=2**26, seconds=30.0, bytes_per_second=1.0, linger_seconds=5.0)
MEBIBYTE = 1024 * 1024
SCRATCH = 100  # bytes, of 256 KiB
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
NOW, HELD = (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in (b"now", b"held"))
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
BUSY = InferenceError(Code.UNAVAILABLE, "busy")


class Watched(App):
    """Lets the test at an exchange whose body is still coming."""

    coming: Exchange
    refuses: InferenceError | None = None

    def admit(self, exchange: Exchange) -> Begin:
        self.coming = exchange
        if self.refuses is not None:
            raise self.refuses
        return super().admit(exchange)


@pytest.fixture
def app() -> Watched:
    return Watched(LIMITS)


@pytest.fixture
def peer(app: Watched) -> Peer:
    clients = Clients()
    clients.scratch = bytearray(SCRATCH)
    return Peer(app, clients)


def body_of(size: int) -> bytes:
    """No two stretches of it are alike."""
    return b"".join(b"%07d " % at for at in range(-(-size // 8)))[:size]


def room(peer: Peer) -> int:
    return len(peer.connection.get_buffer(-1))


def is_scratch(peer: Peer) -> bool:
    """Whether what comes next is read to where nobody keeps it."""
    return peer.connection.get_buffer(-1).obj is peer.clients.scratch


# A request's head, its body and what follows: in which pieces.
SPLITS = {
    "all at once": lambda head, body, more: [head + body + more],
    "the head alone": lambda head, body, more: [head, body, more],
    "the head, and the body with what follows": lambda head, body, more: [head, body + more],
    "the head with some of the body": lambda head, body, more: [head + body[:9], body[9:], more],
    "the same, and what follows": lambda head, body, more: [head + body[:9], body[9:] + more],
    "the head in two": lambda head, body, more: [head[:30], head[30:] + body[:1], body[1:] + more],
    "up to the last byte": lambda head, body, more: [head + body[:-1], body[-1:], more],
    "the last byte with what follows": lambda head, body, more: [head, body[:-1], body[-1:] + more],
    "with some of what follows": lambda head, body, more: [head, body + more[:5], more[5:]],
    "packets": lambda head, body, more: in_pieces(head + body + more, 1448),
    "pieces of a power of two": lambda head, body, more: [head, *in_pieces(body + more, 2**16)],
}
SIZES = (
    10,
    SCRATCH - 1,
    SCRATCH,
    SCRATCH + 1,
    SCRATCH + 9,
    1448,
    MEBIBYTE - 1,
    MEBIBYTE,
    MEBIBYTE + 1,
    2 * MEBIBYTE,
    5 * MEBIBYTE + 3,
)


def in_pieces(sent: bytes, size: int) -> list[bytes]:
    return [sent[at : at + size] for at in range(0, len(sent), size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_a_body_and_what_follows_may_come_in_any_pieces(peer: Peer, split, size: int) -> None:
    body = body_of(size)
    peer.send(*split(HEAD % size, body, NOW))
    peer.send(*split(HEAD % size, body, CHUNKED))
    wanted = [(200, body), (200, b"/now"), (200, body), (200, b"x")]
    assert peer.replies == wanted
    assert not peer.ended


def test_a_body_may_come_byte_by_byte(peer: Peer) -> None:
    sent = (HEAD % 200 + body_of(200)) * 2 + CHUNKED + NOW
    peer.send(*in_pieces(sent, 1))
    assert peer.replies == [(200, body_of(200))] * 2 + [(200, b"x"), (200, b"/now")]


@pytest.mark.parametrize(("size", "kept"), [(SCRATCH, False), (SCRATCH + 1, True)])
def test_a_rest_that_may_come_in_one_go_is_left_to_the_parser(
    peer: Peer, size: int, *, kept: bool
) -> None:
    peer.send(HEAD % size)
    assert is_scratch(peer) is not kept


def test_there_is_no_room_for_what_follows_a_body(peer: Peer) -> None:
    peer.send(HEAD % 1000 + b"x")
    assert room(peer) == 999
    peer.send(b"x" * 998)
    assert room(peer) == 1
    peer.send(b"x")
    assert room(peer) == SCRATCH


def test_to_claim_a_length_costs_a_mebibyte_at_most(peer: Peer) -> None:
    peer.send(HEAD % LIMITS.bytes)
    for _ in range(3):
        assert room(peer) == MEBIBYTE, "beyond what has come"
        peer.send(b"x" * (MEBIBYTE - 1))
        assert room(peer) == 1
        peer.send(b"x")


def test_a_body_is_not_kept_before_its_turn(peer: Peer, app: Watched) -> None:
    body = body_of(1000)
    peer.send(HELD + HEAD % 1000 + body[:10], body[10:20])
    assert is_scratch(peer), "it has not been let in"
    app.answer("/held")
    assert not is_scratch(peer)
    peer.send(body[20:] + NOW)
    assert peer.replies == [(200, b"/held"), (200, body), (200, b"/now")]


@pytest.mark.parametrize("size", [1000, LIMITS.bytes + 1])
def test_a_body_that_is_refused_by_its_head_is_not_kept(peer: Peer, size: int) -> None:
    peer.send(HEAD.replace(b"echo", b"early") % size + b"x")
    assert peer.statuses == [404]
    assert is_scratch(peer)
    if not peer.last:
        peer.send(b"x" * (size - 1) + NOW)
        assert peer.statuses == [404, 200]


def test_a_body_that_is_refused_in_the_middle_is_read_to_its_end_and_thrown_away(
    peer: Peer, app: Watched
) -> None:
    peer.send(HEAD % 1000, b"x" * 10)
    app.coming.refuse(BUSY)
    assert peer.statuses == [503]
    assert not peer.last, "the rest is short"
    assert is_scratch(peer)
    peer.send(b"x" * 989)
    assert room(peer) == 1
    peer.loop.advance(4.9)
    peer.send(b"x" + NOW)
    assert peer.replies[1:] == [(200, b"/now")]
    peer.loop.advance(20.0)
    assert not peer.ended, "it idles"
    assert app.coming.body == b""


def test_a_rest_that_is_thrown_away_is_lingered_for_only(peer: Peer, app: Watched) -> None:
    peer.send(HEAD % 1000, b"x" * 10)
    app.coming.refuse(BUSY)
    peer.send(b"x" * 989)
    peer.loop.advance(5.0)
    assert peer.transport.closed


def test_a_long_rest_is_the_end(peer: Peer, app: Watched) -> None:
    size = 2 * REST_BYTES + 10
    peer.send(HEAD % size, b"x" * 10)
    app.coming.refuse(BUSY)
    assert peer.statuses == [503]
    assert peer.last
    peer.send(b"x" * (size - 11))
    assert not peer.ended
    peer.send(b"x" + NOW)
    assert peer.transport.closed
    assert peer.statuses == [503]


def test_a_body_that_stops_in_the_middle_is_given_up(peer: Peer) -> None:
    peer.send(HEAD % 1000, b"x" * 10)
    peer.loop.advance(30.0)
    assert peer.statuses == [408]
    assert peer.last
    assert is_scratch(peer)


def test_what_comes_past_the_parser_buys_time(peer: Peer) -> None:
    peer.send(HEAD % 1000)
    peer.loop.advance(29.0)
    peer.send(b"x" * 10)
    peer.loop.advance(10.9)
    assert peer.replies == []
    peer.loop.advance(0.1)
    assert peer.statuses == [408]


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing_of_it(peer: Peer, app: Watched) -> None:
    outcomes: list[str] = []
    peer.send(HEAD % 1000)
    app.coming.ended = outcomes.append
    peer.send(b"x" * 10)
    peer.leave()
    assert outcomes == ["CANCELLED"]
    assert app.coming.body == b""
    assert peer.loop.timers == []


def test_a_body_that_comes_while_the_server_drains_is_answered(peer: Peer, app: Watched) -> None:
    peer.send(HEAD % 1000, b"x" * 10)
    app.draining = True
    peer.send(b"x" * 990 + NOW)
    assert peer.replies == [(200, b"x" * 1000)]
    assert peer.last
    assert peer.transport.closed


LAST: dict[str, bytes] = {
    "who wants it to be": b"Connection: close\r\nHost",
    "who asks for another protocol": b"Connection: close, upgrade\r\nUpgrade: h2c\r\nHost",
}


@pytest.mark.parametrize("lines", LAST.values(), ids=LAST)
@pytest.mark.parametrize("more", [NOW, b"\x16\x03\x01\r\n\r\n"], ids=["a request", "garbage"])
def test_what_follows_the_body_of_a_last_request_is_ignored(
    peer: Peer, app: Watched, lines: bytes, more: bytes
) -> None:
    head = HEAD.replace(b"Host", lines).replace(b"echo", b"held")
    peer.send(head % 1000, b"x" * 10, b"x" * 990 + more)
    assert app.held["/held"].body == b"x" * 1000
    app.answer("/held")
    assert peer.statuses == [200]
    assert peer.transport.closed, "at once: there is nothing to linger for"


def test_the_body_of_who_asks_for_another_protocol_passes_the_parser_too(peer: Peer) -> None:
    head = HEAD.replace(b"Host", b"Connection: upgrade\r\nUpgrade: h2c\r\nHost")
    peer.send(head % 1000 + b"x" * 10)
    assert room(peer) == 990
    peer.send(b"x" * 990 + NOW)
    assert peer.replies == [(200, b"x" * 1000), (200, b"/now")]


# What comes in one read with a long body that came with its head.
AROUND = {
    "nothing": (b"", b"", []),
    "an empty line before it": (b"\r\n", b"", []),
    "a request behind it": (b"", NOW, [(200, b"/now")]),
    "another one like it": (b"", HEAD % 40_000 + body_of(40_000), [(200, body_of(40_000))]),
    "some of a request behind it": (b"", NOW[:9], []),
    "garbage behind it": (b"", b"\x16\x03\x01\r\n\r\n", [400]),
}


@pytest.mark.parametrize(("before", "behind", "more"), AROUND.values(), ids=AROUND)
def test_a_long_body_that_comes_with_its_head(
    app: Watched, before: bytes, behind: bytes, more: list[object]
) -> None:
    peer = Peer(app, Clients())
    peer.send(before + HEAD % 40_000 + body_of(40_000) + behind)
    assert peer.replies[:1] == [(200, body_of(40_000))]
    assert [reply if reply in more else reply[0] for reply in peer.replies[1:]] == more


def test_a_long_body_that_comes_with_its_head_is_not_looked_at_where_that_is_refused(
    app: Watched,
) -> None:
    peer = Peer(app, Clients())
    app.refuses = BUSY
    peer.send(HEAD % 40_000 + body_of(40_000) + NOW)
    assert peer.statuses == [503, 503]
    assert app.coming.body == b""
    peer.loop.advance(20.0)
    assert not peer.ended, "it idles"


def test_a_long_body_waits_for_its_turn(app: Watched) -> None:
    peer = Peer(app, Clients())
    peer.send(HELD)
    peer.send(HEAD % 40_000 + body_of(40_000))
    assert not peer.replies
    app.answer("/held")
    assert peer.replies == [(200, b"/held"), (200, body_of(40_000))]


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\r\n\r\n", b"0\r\n\r\n", b"x"])
def test_garbage_behind_a_body_is_refused(peer: Peer, garbage: bytes) -> None:
    peer.send(HEAD % 1000, b"x" * 10, b"x" * 990 + garbage + b"\r\n\r\n")
    assert peer.statuses == [200, 400]
    assert peer.transport.closed


def test_connections_that_take_turns_do_not_mix(peer: Peer, app: Watched) -> None:
    peers = (peer, Peer(app, peer.clients))
    bodies = body_of(1000), body_of(1000)[::-1]
    pieces = [in_pieces(HEAD % 1000 + body + NOW, 7) for body in bodies]
    for mine, other in zip(*pieces, strict=True):
        peers[0].send(mine)
        peers[1].send(other)
    for each, body in zip(peers, bodies, strict=True):
        assert each.replies == [(200, body), (200, b"/now")]
