"""What a connection makes of bytes: which requests, in which order they are answered, what is
refused, and what ends it (RFC 9112)."""

from __future__ import annotations

import pytest
from fakes.connections import App, Peer, parsed

from frazil_runtime.transport import receiving
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.terms import lifetime

LIMITS = Limits(bytes=10, seconds=30.0, bytes_per_second=1.0, linger_seconds=5.0)
CONTINUE = (100, b"")


@pytest.fixture
def app() -> App:
    return App(LIMITS)


@pytest.fixture
def peer(app: App) -> Peer:
    return Peer(app)


def get(path: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/{version}", "Host: a", *lines, "", "")).encode()


def post(path: str, body: bytes, *lines: str, version: str = "1.1") -> bytes:
    length = f"Content-Length: {len(body)}"
    return get(path, length, *lines, method="POST", version=version) + body


def chunked(path: str, *chunks: bytes, trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = get(path, "Transfer-Encoding: chunked", method="POST")
    return head + body + b"0\r\n" + trailer + b"\r\n"


def test_connections_live_30_seconds_20_percent_more_or_less() -> None:
    drawn = [lifetime() for _ in range(1000)]
    assert 24 <= min(drawn) < 25
    assert 35 < max(drawn) <= 36


# Order.


def test_answers_come_in_the_order_of_the_requests(peer: Peer, app: App) -> None:
    peer.send(get("/slow") + get("/now") + post("/echo", b"abc"))
    assert app.admitted == ["/slow"], "the others wait outside"
    assert peer.replies == []
    app.answer("/slow")
    assert peer.replies == [(200, b"/slow"), (200, b"/now"), (200, b"abc")]
    assert not peer.ended


def test_no_more_is_read_while_requests_wait_in_line(peer: Peer, app: App) -> None:
    peer.send(get("/slow"))
    assert peer.transport.reading
    peer.send(get("/now"))
    assert not peer.transport.reading
    app.answer("/slow")
    assert peer.transport.reading


def test_thousands_that_come_at_once_are_answered(peer: Peer) -> None:
    peer.send(get("/now") * 5000)
    assert peer.replies == [(200, b"/now")] * 5000
    assert peer.transport.reading


def test_requests_may_come_byte_by_byte(peer: Peer) -> None:
    sent = post("/echo", b"abc") + chunked("/echo", b"d", b"ef") + get("/now")
    peer.send(*(bytes([byte]) for byte in sent))
    assert peer.replies == [(200, b"abc"), (200, b"def"), (200, b"/now")]


def test_a_refusal_waits_for_its_turn(peer: Peer, app: App) -> None:
    peer.send(get("/slow") + post("/echo", b"x" * 11) + get("/now"))
    assert peer.replies == []
    app.answer("/slow")
    assert peer.statuses == [200, 413, 200], "it had come whole, so the connection goes on"


# Bodies.


BODIES: dict[str, tuple[bytes, int]] = {
    "of exactly the limit": (post("/echo", b"x" * 10), 200),
    "over the limit": (post("/echo", b"x" * 11), 413),
    "in chunks of exactly the limit": (chunked("/echo", b"x" * 9, b"x"), 200),
    "in chunks over the limit": (chunked("/echo", b"x" * 9, b"xx"), 413),
    "of a GET": (get("/echo", "Content-Length: 1") + b"x", 200),
    "of a HEAD in chunks": (chunked("/echo", b"x").replace(b"POST", b"HEAD"), 200),
    "followed by a trailer": (chunked("/echo", b"x", trailer=b"Host: b\r\nX: y\r\n"), 200),
}


@pytest.mark.parametrize(("request_", "status"), BODIES.values(), ids=BODIES)
def test_bodies(peer: Peer, request_: bytes, status: int) -> None:
    peer.send(request_)
    assert f"HTTP/1.1 {status} ".encode() in peer.transport.sent
    peer.send(get("/slow"))
    assert "/slow" in peer.app.admitted, "the connection goes on behind it"


def test_head_is_answered_without_the_body_but_with_its_length(peer: Peer) -> None:
    peer.send(get("/now", method="HEAD"))
    assert peer.transport.sent.endswith(b"content-length: 4\r\n\r\n")


def test_who_waits_for_a_go_ahead_gets_one_when_its_turn_comes(peer: Peer, app: App) -> None:
    head = get("/echo", "Content-Length: 3", "Expect: 100-continue", method="POST")
    peer.send(get("/slow") + head)
    assert peer.replies == []
    app.answer("/slow")
    assert peer.replies == [(200, b"/slow"), CONTINUE]
    peer.send(b"a", b"bc")
    assert peer.replies == [(200, b"/slow"), CONTINUE, (200, b"abc")]


NO_GO_AHEAD: dict[str, tuple[bytes, list[int]]] = {
    "whose body is there": (post("/echo", b"abc", "Expect: 100-continue"), [200]),
    "that has none": (post("/now", b"", "Expect: 100-continue"), [200]),
    "that is refused by its headers": (
        get("/echo", "Content-Length: 11", "Expect: 100-continue"),
        [413],
    ),
    "that is answered without its body": (
        get("/early", "Content-Length: 3", "Expect: 100-continue"),
        [404],
    ),
    "of HTTP/1.0": (
        get("/echo", "Content-Length: 3", "Expect: 100-continue", version="1.0"),
        [],
    ),
    "that expects something else": (get("/echo", "Content-Length: 3", "Expect: x"), []),
}


@pytest.mark.parametrize(("request_", "statuses"), NO_GO_AHEAD.values(), ids=NO_GO_AHEAD)
def test_no_go_ahead_for_a_request(peer: Peer, request_: bytes, statuses: list[int]) -> None:
    peer.send(request_)
    assert peer.statuses == statuses


# What ends a connection.


LAST: dict[str, bytes] = {
    "who wants it to": get("/now", "Connection: close"),
    "HTTP/1.0": get("/now", version="1.0"),
    "HTTP/1.0 that would go on": get("/now", "Connection: keep-alive", version="1.0"),
    "HTTP/1.0 in chunks, which it does not know": chunked("/now", b"x").replace(b"/1.1", b"/1.0"),
    "HTTP/0.9": b"GET /now\r\n\r\n",
    "HTTP/2 without a preface": get("/now", version="2.0"),
}


@pytest.mark.parametrize("request_", LAST.values(), ids=LAST)
def test_a_connection_ends_after_the_answer_to(peer: Peer, app: App, request_: bytes) -> None:
    peer.send(request_ + get("/never"))
    assert peer.statuses == [200]
    assert peer.last
    peer.loop.advance(LIMITS.linger_seconds)
    assert peer.transport.closed
    assert "/never" not in app.admitted


HOST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
GARBAGE: dict[str, bytes] = {
    "no HTTP at all": b"\x16\x03\x01\r\n\r\n",
    "two lengths": HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a length and chunks": HOST
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": HOST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a length with a sign": HOST + b"Content-Length: +1\r\n\r\nx",
    "a length that overflows": HOST + b"Content-Length: 99999999999999999999\r\n\r\nx",
    "a coding that is none": HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks that are compressed": HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "the same in two lines": HOST
    + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a folded line": HOST + b"X: a\r\n b\r\n\r\n",
    "a folded length": HOST + b"Content-Length:\r\n 1\r\n\r\nx",
    "a space before the colon": HOST + b"Content-Length : 1\r\n\r\nx",
    "bare line feeds": b"GET /now HTTP/1.1\nHost: a\n\n",
    "a bare carriage return": HOST + b"X: a\rContent-Length: 1\r\n\r\nx",
    "a zero byte": HOST + b"X: a\x00\r\n\r\n",
    "no host": b"GET /now HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /now HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a target that is no URL": b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version that is none": b"GET /now HTTP/1.2\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_behind_a_good_request_is_refused_in_turn_and_nothing_follows(
    peer: Peer, app: App, garbage: bytes
) -> None:
    peer.send(get("/slow") + garbage + get("/smuggled"), get("/smuggled"))
    app.answer("/slow")
    peer.send(get("/smuggled"))
    peer.loop.advance(LIMITS.linger_seconds)
    assert peer.statuses == [200, 400]
    assert app.admitted == ["/slow"]
    assert peer.last
    assert peer.transport.closed


CHUNKS: dict[str, bytes] = {
    "no size": b"zz\r\n",
    "a negative size": b"-1\r\n",
    "a size in C's way": b"0x1\r\nx\r\n",
    "a size that overflows": b"10000000000000001\r\nx\r\n",
    "more than its size": b"1\r\nxx\r\n",
    "a bare line feed": b"1\nx\r\n",
}


@pytest.mark.parametrize("chunk", CHUNKS.values(), ids=CHUNKS)
def test_a_body_that_turns_into_garbage_is_refused(peer: Peer, app: App, chunk: bytes) -> None:
    peer.send(get("/echo", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n")
    peer.send(chunk + b"0\r\n\r\n" + get("/smuggled"))
    assert peer.statuses == [400]
    assert not peer.ended, "the client may still be sending, and read the answer after that"
    peer.send(get("/smuggled"))
    peer.loop.advance(LIMITS.linger_seconds)
    assert peer.transport.closed
    assert app.admitted == ["/echo"]


def test_garbage_is_told_apart(peer: Peer) -> None:
    peer.send(b"GET /now HTTP/1.1\r\n\r\n")
    ((_, body),) = peer.replies
    assert body == (
        b'{"error": "what was sent cannot be read as HTTP/1.1: there is no Host header"}'
    )


def test_a_bug_is_answered_and_logged(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    peer.send(get("/bug") + get("/now"))
    assert peer.statuses == [500, 200]
    assert b"secret" not in peer.transport.sent
    assert "GET /bug failed" in caplog.text


def test_a_bug_of_the_parsers_callbacks_is_no_fault_of_the_client(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiving.heads, "read", lambda *_: 1 // 0)
    peer.send(get("/now"))
    assert peer.statuses == [500]
    assert "ZeroDivisionError" in caplog.text


TARGETS: dict[str, tuple[str, str]] = {
    "a query": ("/now?x=/a", "/now"),
    "a whole URL": ("http://b:80/now?x", "/now"),
    "a whole URL without a path": ("http://b", "/"),
    "escapes": ("/n%6Fw%2F%C3%A4", "/now/ä"),
    "the server itself": ("*", "*"),
    "more than is remembered": ("/" + "x" * 10_000, "/" + "x" * 10_000),
}


@pytest.mark.parametrize(("target", "path"), TARGETS.values(), ids=TARGETS)
def test_the_path_of_a_target(peer: Peer, app: App, target: str, path: str) -> None:
    peer.send(get(target, method="OPTIONS"))
    assert app.admitted == [path]


def test_what_an_answer_says(peer: Peer) -> None:
    peer.send(get("/now"))
    ((status, headers, body),) = parsed(peer.transport.sent)
    assert (status, body) == (200, b"/now")
    assert set(headers) == {"date", "content-length"}


# Who is there.


def test_a_request_says_whether_its_client_is_alone(app: App, peer: Peer) -> None:
    peer.send(get("/first"))
    assert app.held["/first"].lone
    other = Peer(app, peer.clients)
    other.send(get("/second"))
    assert not app.held["/second"].lone
    peer.leave()
    app.answer("/second")
    other.send(get("/third"))
    assert app.held["/third"].lone
