"""How long a connection is waited for, and how it ends: on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from fakes.connections import App, Peer

from frazil_runtime.transport.clients import Clients
from frazil_runtime.transport.exchanges import REST_BYTES
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.terms import HEAD_BYTES

LIMITS = Limits(bytes=10**6, seconds=30.0, bytes_per_second=100.0, linger_seconds=5.0)
GET, HELD = (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in (b"now", b"held"))
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
EARLY = HEAD.replace(b"echo", b"early")
IN_CHUNKS = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def app() -> App:
    return App(LIMITS)


@pytest.fixture
def peer(app: App) -> Peer:
    """A connection that lives 30 s, with 10 s for a head and to take something, 75 s between."""
    return Peer(app, head_seconds=10.0, stall_seconds=10.0, keep_alive_seconds=75.0)


# Time.


def test_who_says_nothing_is_left_after_the_time_for_a_head(peer: Peer) -> None:
    peer.loop.advance(9.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_an_idle_connection_is_kept_and_then_closed(peer: Peer) -> None:
    peer.send(GET)
    peer.loop.advance(74.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.closed


def test_a_head_has_its_time_from_its_first_byte_and_more_bytes_buy_none(peer: Peer) -> None:
    peer.send(GET)
    peer.loop.advance(20.0)
    peer.send(GET[:5])
    peer.loop.advance(6.0)
    peer.send(GET[5:9])
    peer.loop.advance(3.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_each_head_has_its_own_time(peer: Peer) -> None:
    for _ in range(3):
        peer.send(GET[5:] + GET[:5] if peer.statuses else GET + GET[:5])
        peer.loop.advance(9.9)
        assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_no_time_is_limited_while_an_answer_is_made(peer: Peer, app: App) -> None:
    peer.send(HELD + GET[:5])
    peer.loop.advance(1000.0)
    assert not peer.ended
    app.answer("/held")
    assert peer.last, "it is old"


def test_the_head_behind_a_slow_answer_has_its_time_once_that_is_given(
    peer: Peer, app: App
) -> None:
    peer.send(HELD + GET[:5])
    peer.loop.advance(20.0)
    app.answer("/held")
    peer.loop.advance(9.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_a_body_that_does_not_come_is_refused_and_lingered_for(peer: Peer) -> None:
    peer.send(HEAD % 9)
    peer.loop.advance(29.9)
    assert peer.replies == []
    peer.loop.advance(0.1)
    assert peer.statuses == [408]
    assert peer.last
    assert not peer.ended
    peer.loop.advance(5.0)
    assert peer.transport.closed


def test_what_has_come_of_a_body_buys_time(peer: Peer) -> None:
    peer.send(HEAD % 2000)
    peer.loop.advance(29.0)
    peer.send(b"x" * 1000)  # 10 s more
    peer.loop.advance(10.9)
    assert peer.replies == []
    peer.loop.advance(0.1)
    assert peer.statuses == [408]


def test_while_draining_it_buys_none(peer: Peer, app: App) -> None:
    app.draining = True
    peer.send(HEAD % 2000)
    peer.loop.advance(29.0)
    peer.send(b"x" * 1000)
    peer.loop.advance(1.0)
    assert peer.statuses == [408]


def test_the_body_behind_a_slow_answer_has_its_time_once_that_is_given(
    peer: Peer, app: App
) -> None:
    peer.send(HELD + HEAD % 3 + b"a")
    assert not peer.transport.reading
    peer.loop.advance(29.9)
    app.answer("/held")
    assert peer.transport.reading
    peer.loop.advance(29.9)
    assert peer.statuses == [200]
    peer.loop.advance(0.1)
    assert peer.statuses == [200, 408]


def test_an_old_connection_ends_with_its_next_answer(peer: Peer) -> None:
    peer.send(GET)
    assert not peer.last
    peer.loop.advance(30.0)
    peer.send(GET)
    assert peer.last
    assert peer.transport.closed


# Size.


def test_a_head_without_end_is_cut(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.1\r\nX: ", b"x" * HEAD_BYTES)
    assert not peer.ended
    peer.send(b"x")
    assert peer.transport.aborted


def test_a_head_that_comes_with_a_long_body_is_short(peer: Peer) -> None:
    peer.send(HEAD % (2 * HEAD_BYTES), b"x" * 2 * HEAD_BYTES + GET[:5], GET[5:])
    assert peer.statuses == [200, 200]


@pytest.mark.parametrize("junk", [b"X: ", b"X: y\r\n"], ids=["a line", "lines"])
def test_a_trailer_without_end_is_cut(peer: Peer, junk: bytes) -> None:
    peer.send(IN_CHUNKS + b"1\r\nx\r\n0\r\n" + junk, junk * (HEAD_BYTES // len(junk) + 1))
    assert peer.transport.aborted
    assert len(peer.connection.receiver.headers) == 2, "nothing of it is kept"


def test_a_trailer_without_end_is_cut_behind_a_refusal_too(peer: Peer) -> None:
    peer.send(IN_CHUNKS.replace(b"echo", b"early") + b"1\r\nx\r\n0\r\nX: ", b"x" * HEAD_BYTES * 2)
    assert peer.statuses == [404]
    assert peer.transport.closed


def test_small_chunks_are_no_overhead(peer: Peer) -> None:
    chunks = [b"1;name=value\r\nx\r\n"] * 20_000
    peer.send(IN_CHUNKS, *chunks, b"0\r\n\r\n")
    assert peer.replies == [(200, b"x" * 20_000)]


# Answers before the body, and answers that are not taken.


def test_an_early_answer_is_followed_by_silence_and_the_end(peer: Peer) -> None:
    peer.send(EARLY % (REST_BYTES + 1))
    assert peer.statuses == [404]
    assert peer.last
    peer.send(b"x" * REST_BYTES)
    assert not peer.ended
    peer.send(b"x" + GET)
    assert peer.transport.closed
    assert peer.statuses == [404]


def test_behind_an_early_answer_a_short_rest_is_read_and_the_connection_goes_on(
    peer: Peer,
) -> None:
    peer.send(EARLY % REST_BYTES)
    assert peer.statuses == [404]
    assert not peer.last
    peer.send(b"x" * REST_BYTES + GET)
    assert peer.statuses == [404, 200]
    peer.loop.advance(74.9)
    assert not peer.ended


def test_a_short_rest_that_does_not_come_is_lingered_for_only(peer: Peer) -> None:
    peer.send(EARLY % 2 + b"x")
    peer.loop.advance(4.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.closed


def test_garbage_behind_such_a_rest_is_refused(peer: Peer) -> None:
    peer.send(EARLY % 2 + b"xx\x16\x03\x01\r\n\r\n")
    assert peer.statuses == [404, 400]
    assert peer.transport.closed


def test_who_goes_on_sending_after_an_early_answer_is_not_heard_for_ever(peer: Peer) -> None:
    peer.send(EARLY % 10**9)
    for _ in range(4):
        peer.loop.advance(1.0)
        peer.send(b"x")
    assert not peer.ended
    peer.loop.advance(1.0)
    assert peer.transport.closed


def test_who_does_not_take_the_answer_is_left(peer: Peer) -> None:
    peer.transport.took = False
    peer.send(GET * 3)
    assert peer.statuses == [200], "the others wait"
    assert not peer.transport.reading
    peer.loop.advance(9.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_who_takes_it_slowly_is_not(peer: Peer) -> None:
    peer.transport.took = False
    peer.send(GET * 3)
    for _ in range(5):
        peer.loop.advance(9.0)
        peer.transport.waiting -= 1
    peer.transport.take()
    assert peer.statuses == [200, 200], "the second is the last: the connection is old by now"
    assert peer.transport.reading


def test_who_does_not_take_the_last_answer_is_left(peer: Peer) -> None:
    peer.transport.took = False
    peer.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
    assert peer.transport.closed
    peer.loop.advance(9.9)
    assert not peer.transport.aborted
    peer.loop.advance(0.1)
    assert peer.transport.aborted


def test_the_next_request_has_its_time_when_the_answer_has_been_taken(peer: Peer) -> None:
    peer.transport.took = False
    peer.send(GET)
    peer.loop.advance(5.0)
    peer.transport.take()
    peer.loop.advance(74.9)
    assert not peer.ended
    peer.loop.advance(0.1)
    assert peer.transport.closed


# Ends that others bring about.


def test_who_leaves_in_the_middle_takes_all_along(peer: Peer, app: App) -> None:
    outcomes: list[str] = []
    peer.send(HELD + HELD)
    exchange = app.held["/held"]
    exchange.ended = outcomes.append
    exchange.leave = lambda: outcomes.append("left")
    peer.leave()
    assert outcomes == ["CANCELLED", "left"]
    app.answer("/held")
    assert peer.replies == []
    assert peer.loop.timers == []


def test_who_says_no_more_is_taken_to_be_gone(peer: Peer) -> None:
    peer.send(HELD)
    peer.connection.eof_received()
    assert peer.transport.closed


def test_while_draining_each_answer_is_the_last(peer: Peer, app: App) -> None:
    peer.send(HELD)
    app.draining = True
    app.answer("/held")
    assert peer.statuses == [200]
    assert peer.last
    assert peer.transport.closed


def test_what_came_behind_the_last_answer_is_not_read_and_not_closed_over(
    peer: Peer, app: App
) -> None:
    peer.send(HELD + GET)
    app.draining = True
    app.answer("/held")
    assert peer.last
    assert peer.transport.reading
    peer.send(GET)
    assert not peer.ended
    peer.loop.advance(5.0)
    assert peer.transport.closed
    assert app.admitted == ["/held"]


async def test_the_end_of_the_server(app: App) -> None:
    """Idle connections end at once, a lingering and a late one too, a busy one with its answer."""
    clients = Clients()
    idle, busy, begun = (Peer(app, clients) for _ in range(3))
    busy.send(HELD)
    begun.send(HEAD % 3)
    stopping = asyncio.create_task(clients.stop())
    await asyncio.sleep(0)
    assert [peer.ended for peer in (idle, busy, begun)] == [True, False, False]
    late = Peer(app, clients)
    assert late.ended
    begun.send(b"abc")
    app.answer("/held")
    for peer in (busy, begun):
        assert peer.statuses == [200]
        assert peer.last
        assert peer.transport.closed
    for peer in (idle, busy, begun):
        peer.leave()
        await asyncio.sleep(0)
        assert not stopping.done()
    late.leave()
    await stopping


async def test_the_end_of_the_server_leaves_a_refusal_its_time(app: App) -> None:
    clients = Clients()
    peer = Peer(app, clients)
    peer.send(EARLY % 100)
    stopping = asyncio.create_task(clients.stop())
    await asyncio.sleep(0)
    assert not peer.ended
    peer.send(b"x" * 100)
    assert peer.transport.closed
    peer.leave()
    await stopping
