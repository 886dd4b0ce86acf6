"""One request and its one answer."""

from __future__ import annotations

import asyncio

import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.transport.exchanges import Answer, Exchange, Plain, Short, constant
from frazil_runtime.transport.limits import Limits

YES, NO = Answer(200, b"yes"), Answer(200, b"no")


class Seen:
    """An exchange, what became of it, and how often it was ready."""

    def __init__(self, limits: Limits | None = None, **headers: str) -> None:
        self.ready = 0
        self.left = 0
        self.outcomes: list[str] = []
        fields = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
        self.exchange = Exchange("POST", "/a", fields, limits or Limits(), self._ready)
        self.exchange.ended = self.outcomes.append
        self.exchange.leave = self._leave

    def _ready(self) -> None:
        self.ready += 1

    def _leave(self) -> None:
        self.left += 1


LENGTHS: dict[str, tuple[dict[str, str], int | None]] = {
    "no body": ({}, 0),
    "an empty one": ({"content_length": "0"}, 0),
    "one of a length": ({"content_length": "12 "}, 12),
    "one in chunks": ({"transfer_encoding": "chunked"}, None),
}


@pytest.mark.parametrize(("headers", "length"), LENGTHS.values(), ids=LENGTHS)
def test_the_length_is_what_the_client_claims(headers: dict[str, str], length: int | None) -> None:
    assert Seen(**headers).exchange.length == length


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_who_asks_before_sending_is_known(expect: str) -> None:
    assert Seen(expect=expect).exchange.expects
    assert not Seen(expect="a miracle").exchange.expects
    assert not Seen().exchange.expects


def test_a_body_is_put_together() -> None:
    exchange = Seen().exchange
    assert exchange.body == b""
    for chunk in (b"a", b"bc", b""):
        exchange.take(chunk)
    assert (exchange.body, exchange.body, exchange.size) == (b"abc", b"abc", 3)


def test_the_rest_of_a_body_of_a_known_length_is_put_where_it_is_kept() -> None:
    exchange = Seen(content_length="6").exchange
    exchange.take(b"ab")
    for piece in (b"cd", b"ef"):
        room = exchange.room()
        assert len(room) == exchange.rest
        room[: len(piece)] = piece
        exchange.fill(len(piece))
    assert (exchange.body, exchange.size, exchange.rest) == (b"abcdef", 6, 0)


SIZES: dict[str, tuple[dict[str, str], bytes, bool]] = {
    "exactly the limit": ({"content_length": "3"}, b"abc", False),
    "a claim over the limit": ({"content_length": "4"}, b"", True),
    "chunks of the limit": ({"transfer_encoding": "chunked"}, b"abc", False),
    "chunks over the limit": ({"transfer_encoding": "chunked"}, b"abcd", True),
}


@pytest.mark.parametrize(("headers", "sent", "refused"), SIZES.values(), ids=SIZES)
def test_the_size_is_limited(headers: dict[str, str], sent: bytes, refused: bool) -> None:
    exchange = Seen(Limits(bytes=3), **headers).exchange
    exchange.take(sent)
    if not refused:
        exchange.check_size()
        return
    with pytest.raises(InferenceError) as caught:
        exchange.check_size()
    assert caught.value.code is Code.PAYLOAD_TOO_LARGE


def test_of_several_answers_the_first_holds() -> None:
    seen = Seen()
    seen.exchange.respond(YES)
    seen.exchange.respond(NO)
    seen.exchange.refuse(InferenceError(Code.INTERNAL, "no"))
    seen.exchange.gone()
    assert seen.exchange.answer is YES
    assert (seen.ready, seen.outcomes, seen.left) == (1, ["OK"], 0)


def test_an_answered_body_is_kept_no_longer() -> None:
    exchange = Seen().exchange
    exchange.take(b"abc")
    exchange.respond(YES)
    exchange.take(b"def")
    assert exchange.body == b""


def test_an_answered_body_has_no_room_any_more() -> None:
    exchange = Seen(content_length="6").exchange
    exchange.room()[:3] = b"abc"
    exchange.fill(3)
    exchange.respond(YES)
    assert (exchange.body, exchange.rest) == (b"", 3)


def test_a_refusal_is_an_answer_with_the_errors_name() -> None:
    seen = Seen()
    seen.exchange.refuse(InferenceError(Code.NOT_FOUND, "where?"))
    assert seen.exchange.answer == Answer(404, b'{"error": "where?"}')
    assert seen.outcomes == ["NOT_FOUND"]


def test_a_bug_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    seen.exchange.fail(ZeroDivisionError("secret"))
    assert seen.exchange.answer == Answer(500, b'{"error": "internal error: see the log"}')
    assert seen.outcomes == ["INTERNAL"]
    assert "POST /a failed" in caplog.text


def test_who_works_for_a_client_that_is_gone_is_told_once() -> None:
    seen = Seen()
    seen.exchange.gone()
    seen.exchange.gone()
    seen.exchange.respond(YES)
    assert (seen.outcomes, seen.left) == (["CANCELLED"], 1)


async def test_work_answers_with_what_it_returns() -> None:
    async def work() -> Answer:
        return YES

    seen = Seen()
    seen.exchange.run(work())
    await _settle()
    assert (seen.exchange.answer, seen.outcomes) == (YES, ["OK"])


FAILURES: dict[str, tuple[Exception, int, str]] = {
    "an error": (InferenceError(Code.UNAVAILABLE, "later"), 503, "UNAVAILABLE"),
    "a bug": (ZeroDivisionError("secret"), 500, "INTERNAL"),
}


@pytest.mark.parametrize(("error", "status", "outcome"), FAILURES.values(), ids=FAILURES)
async def test_work_that_fails_is_answered(error: Exception, status: int, outcome: str) -> None:
    async def work() -> Answer:
        raise error

    seen = Seen()
    seen.exchange.run(work())
    await _settle()
    assert seen.exchange.answer.status == status
    assert b"secret" not in seen.exchange.answer.body
    assert seen.outcomes == [outcome]


async def test_work_for_a_client_that_is_gone_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def work() -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return YES

    seen = Seen()
    seen.exchange.run(work())
    await _settle()
    seen.exchange.gone()
    await cancelled.wait()
    await _settle()
    assert (seen.exchange.answer, seen.outcomes) == (None, ["CANCELLED"])


@pytest.mark.parametrize(
    "handler", [Plain(lambda _: YES), constant(YES)], ids=["plain", "constant"]
)
def test_what_needs_no_body_is_answered_before_it_comes(handler: Plain) -> None:
    exchange = Seen(content_length="10").exchange
    handler.admit(exchange)
    assert exchange.answer is YES


def test_a_short_body_is_read_and_no_long_one() -> None:
    exchange = Seen(content_length="100000").exchange
    begin = Short(lambda asked: Answer(200, asked.body)).admit(exchange)
    with pytest.raises(InferenceError, match="larger than 65536 bytes"):
        exchange.check_size()
    exchange.take(b"abc")
    assert exchange.answer is None
    begin()
    assert exchange.answer == Answer(200, b"abc")


@pytest.mark.parametrize(("seconds", "told"), [(0.0, b"1"), (0.3, b"1"), (2.0, b"2"), (2.1, b"3")])
def test_retry_after_is_in_whole_seconds(seconds: float, told: bytes) -> None:
    answer = Answer.of_error(InferenceError(Code.UNAVAILABLE, "later", retry_after=seconds))
    assert (b"retry-after", told) in answer.headers


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
