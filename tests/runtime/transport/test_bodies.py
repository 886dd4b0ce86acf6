"""A request's body comes whole, or is refused in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.transport.bodies import Body, Limits

LENGTH_3 = {b"host": b"a", b"content-length": b"3"}
CHUNKED = {b"transfer-encoding": b"chunked"}
GONE = {"type": "http.disconnect"}


def chunk(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def body(
    headers: dict[bytes, bytes], *messages: dict[str, Any], limits: Limits | None = None
) -> Body:
    """A body that comes as ``messages``; after the last of them nothing ever comes."""
    coming: Iterator[dict[str, Any]] = iter(messages)

    async def receive() -> Any:
        return next(coming, None) or await asyncio.Future()

    return Body(headers, receive, limits or Limits(), Lifecycle())


async def test_one_piece() -> None:
    sent = body(LENGTH_3, chunk(b"abc", more=False))
    assert await sent.read() == b"abc"
    assert sent.ended


async def test_many_pieces() -> None:
    sent = body(CHUNKED, chunk(b"a"), chunk(b""), chunk(b"bc"), chunk(b"", more=False))
    assert await sent.read() == b"abc"
    assert sent.ended


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"0"}], ids=["no length", "0 bytes"])
async def test_no_body_is_not_waited_for(headers: dict[bytes, bytes]) -> None:
    sent = body(headers)
    assert sent.ended
    assert await sent.read() == b""


async def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    sent = body(LENGTH_3, limits=Limits(bytes=2))
    with pytest.raises(
        InferenceError, match=r"larger than 2 bytes: send fewer rows at a time$"
    ) as raised:
        await sent.read()
    assert raised.value.code is Code.PAYLOAD_TOO_LARGE
    assert not sent.ended


async def test_chunks_over_the_limit_are_refused_as_they_come() -> None:
    sent = body(CHUNKED, chunk(b"ab"), chunk(b"c"), limits=Limits(bytes=2))
    with pytest.raises(InferenceError) as raised:
        await sent.read()
    assert raised.value.code is Code.PAYLOAD_TOO_LARGE


async def test_a_body_of_the_limit_is_read() -> None:
    assert await body(LENGTH_3, chunk(b"abc", more=False), limits=Limits(bytes=3)).read() == b"abc"


async def test_a_body_that_does_not_come_is_given_up() -> None:
    with pytest.raises(InferenceError, match="0 bytes") as raised:
        await body(LENGTH_3, limits=Limits(seconds=0.01)).read()
    assert raised.value.code is Code.REQUEST_TIMEOUT


async def test_what_has_come_buys_time_by_its_size() -> None:
    async def drip() -> Any:
        await asyncio.sleep(0.001)
        return chunk(b"x")

    slow = Limits(seconds=0.05, bytes_per_second=1_000_000)
    with pytest.raises(InferenceError) as raised:
        await Body(CHUNKED, drip, slow, Lifecycle()).read()
    assert raised.value.code is Code.REQUEST_TIMEOUT
    bought = Limits(bytes=300, seconds=0.2, bytes_per_second=0.001)
    with pytest.raises(InferenceError) as raised:
        await Body(CHUNKED, drip, bought, Lifecycle()).read()
    assert raised.value.code is Code.PAYLOAD_TOO_LARGE


async def test_a_client_that_leaves_cancels() -> None:
    sent = body(LENGTH_3, chunk(b"a"), GONE)
    with pytest.raises(InferenceError) as raised:
        await sent.read()
    assert raised.value.code is Code.CANCELLED
    assert sent.ended


async def test_what_is_refused_is_thrown_away_to_its_end() -> None:
    sent = body(LENGTH_3, chunk(b"ab"), chunk(b"c", more=False), limits=Limits(bytes=2))
    with pytest.raises(InferenceError):
        await sent.read()
    await sent.discard()
    assert sent.ended


async def test_what_is_refused_is_not_thrown_away_for_ever() -> None:
    sent = body(CHUNKED, chunk(b"a"), limits=Limits(linger_seconds=0.01))
    await sent.discard()
    assert not sent.ended


async def test_throwing_away_ends_when_the_client_leaves() -> None:
    sent = body(CHUNKED, chunk(b"a"), GONE)
    await sent.discard()
    assert sent.ended
