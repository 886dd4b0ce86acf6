"""Clients who mean harm, or merely err: an answer, never a crash, never a connection that hangs.

What is malformed in itself is in ``malformed``; here are connections, and those who wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import numpy as np
import pytest
import pytest_asyncio
from fakes.http import Client, Site, http_site
from fakes.models import NumpyEngine, manifest, model, tensor

from frazil_runtime.lifecycle import State
from frazil_runtime.transport import connections
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.terms import HEAD_BYTES

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MODEL = manifest((tensor("x"),), (tensor("y", "float32", None),))
ENGINE = NumpyEngine(MODEL, lambda inputs: {"y": inputs["x"] * 2})
PREDICT = "/v1/models/digits:predict"
HEAD = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
ROWS = b'{"instances": [[1, 2]]}'
TWICE = b'{"predictions":[[2.0,4.0]]}'
EXPECT = b"Expect: 100-continue\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EMPTY = b"\r\n\r\n"  # the line that ends a head
MEGABYTE = b"1" * 1_000_000
SHORT = Limits(bytes=1_000_000, seconds=0.2, linger_seconds=10)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site() -> AsyncIterator[Site]:
    async with http_site(ENGINE, model(MODEL)) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def impatient() -> AsyncIterator[Site]:
    async with http_site(ENGINE, model(MODEL), SHORT, head_seconds=0.2, stall_seconds=0.2) as site:
        yield site


async def test_nan_tokens_are_numbers_in_and_out(site: Site) -> None:
    async with site.connect() as client:
        reply = await client.post(PREDICT, b'{"instances": [[NaN, -Infinity]]}')
        assert (reply.status, reply.body) == (200, b'{"predictions":[[NaN,-Infinity]]}')


async def test_100_megabytes_are_refused_with_an_answer(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
        reply = await client.post(PREDICT, content=b"1" * 100_000_000)
    assert reply.status_code == 413
    assert "larger than 67108864 bytes" in reply.json()["error"]
    assert reply.headers["connection"] == "close"


async def test_100_megabytes_in_chunks_are_refused_with_an_answer(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield MEGABYTE

    async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
        reply = await client.post(PREDICT, content=chunks())
    assert reply.status_code == 413
    assert reply.headers["connection"] == "close"


async def test_who_asks_before_sending_too_much_is_refused_at_once(site: Site) -> None:
    async with site.connect() as client:
        await client.send(
            f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert (await client.reply()).status == 413


async def test_a_body_for_a_path_that_is_none_is_not_kept(site: Site) -> None:
    async with site.connect() as client:
        await client.send(HEAD.replace(b"digits", b"cats") % len(MEGABYTE))
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (404, "close")
        await client.send(MEGABYTE)
        assert await client.ended()


async def test_a_body_for_a_path_that_is_none_ends_no_connection_if_it_is_there(site: Site) -> None:
    async with site.connect() as client:
        assert (await client.post("/v1/models/cats:predict", ROWS)).status == 404
        assert (await client.post(PREDICT, ROWS)).status == 200


async def test_a_body_that_never_comes_is_given_up(impatient: Site) -> None:
    async with impatient.connect() as client:
        await client.send(HEAD % 9)
        await _is_given_up(client)


async def test_a_body_that_drips_is_given_up(impatient: Site) -> None:
    async with impatient.connect() as client:
        await client.send(HEAD % 999)
        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(_drip(client, b" "))
            await _is_given_up(client)
            dripping.cancel()


async def test_a_body_that_stalls_is_given_up_however_much_has_come() -> None:
    limits = Limits(seconds=0.2, bytes_per_second=0.001)
    async with http_site(ENGINE, model(MODEL), limits) as site, site.connect() as client:
        await client.send(HEAD % 2_000_000 + MEGABYTE)
        await _is_given_up(client)


async def test_a_body_that_drips_does_not_outlast_the_drain() -> None:
    limits = Limits(seconds=0.2, bytes_per_second=0.001, linger_seconds=0.2)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        async with http_site(ENGINE, model(MODEL), limits) as site:
            client = await stack.enter_async_context(site.connect())
            await client.send(_asking(EXPECT, MEGABYTE).partition(EMPTY)[0] + EMPTY)
            assert await client.reader.readuntil(EMPTY) == CONTINUE
            dripping = group.create_task(_drip(client, b" "))
            given_up = group.create_task(_is_given_up(client))
            site.lifecycle.enter(State.DRAINING)
        await given_up
        dripping.cancel()


async def test_a_head_that_drips_is_given_up(impatient: Site) -> None:
    async with impatient.connect() as client:
        await client.send(f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nX-Long: ".encode())
        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(_drip(client, b"x"))
            assert await client.ended()
            dripping.cancel()


async def test_who_says_nothing_is_left(impatient: Site) -> None:
    async with impatient.connect() as client:
        assert await client.ended()


async def test_a_second_head_that_does_not_come_is_given_up(impatient: Site) -> None:
    async with impatient.connect() as client:
        assert (await client.post(PREDICT, ROWS)).status == 200
        await client.send(b"POST")
        assert await client.ended()


async def test_a_head_without_end_is_cut() -> None:
    async with http_site(ENGINE, model(MODEL), head_seconds=3600) as site, site.connect() as client:
        client.writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(_drip(client, b"x" * HEAD_BYTES))
            assert await client.ended()
            dripping.cancel()


async def test_only_its_own_bytes_are_counted_as_a_head(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_BYTES", 1_000)
    rows = ROWS + b" " * 10_000
    async with site.connect() as client:
        client.writer.write(HEAD % len(rows) + rows + HEAD[:50])
        assert (await client.reply()).status == 200
        client.writer.write(HEAD[50:] % len(ROWS) + ROWS)
        assert (await client.reply()).status == 200


UPGRADES: dict[str, bytes] = {
    "HTTP/2, as Java asks": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n",
    "a WebSocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "nothing known, among headers without values": b"X:\r\nUPGRADE: ?\r\nconnection: upgrade\r\n"
    b"Y:\r\n",
}


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("chunked", [False, True], ids=["of a length", "in chunks"])
async def test_who_asks_for_another_protocol_is_answered_in_this_one(
    site: Site, upgrade: bytes, chunked: bool
) -> None:
    request = _asking(upgrade, ROWS, chunked=chunked)
    async with site.connect() as client:
        await client.send(request * 3)
        for byte in request:
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        replies = [await client.reply() for _ in range(4)]
        assert [(reply.status, reply.body) for reply in replies] == [(200, TWICE)] * 4
        assert (await client.post(PREDICT, ROWS)).status == 200


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("chunked", [False, True], ids=["of a length", "in chunks"])
async def test_a_request_in_the_body_of_who_asks_for_another_protocol_is_no_request(
    site: Site, upgrade: bytes, chunked: bool
) -> None:
    request = _asking(upgrade + EXPECT, HEAD % len(ROWS) + ROWS, chunked=chunked)
    head, end, body = request.partition(EMPTY)
    async with site.connect() as client:
        await client.send(head + end)
        assert await client.reader.readuntil(EMPTY) == CONTINUE
        await client.send(body)
        assert (await client.reply()).status == 400  # a request is no JSON
        await client.send(b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert json.loads((await client.reply()).body)["name"] == "frazil"
        assert await client.ended()


async def test_who_ends_the_connection_and_asks_for_another_protocol_is_answered(
    site: Site,
) -> None:
    async with site.connect() as client:
        upgrade = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
        await client.send(_asking(upgrade, ROWS) + HEAD % len(ROWS) + ROWS)
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await client.ended()


async def test_thousands_who_ask_for_another_protocol_at_once_are_answered(site: Site) -> None:
    request = b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with site.connect() as client:
        client.writer.write(request * 3000)
        assert {(await client.reply()).status for _ in range(3000)} == {200}


@pytest.mark.parametrize("target", [b"a:80", b"/v2"])
async def test_a_tunnel_is_refused(site: Site, target: bytes) -> None:
    async with site.connect() as client:
        await client.send(
            b"CONNECT %s HTTP/1.1\r\nHost: a\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n" % target
        )
        assert (await client.reply()).status == 400
        assert await client.ended()


async def test_what_is_no_http_is_refused(site: Site) -> None:
    async with site.connect() as client:
        await client.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await client.reply()).status == 400
        assert await client.ended()


async def test_who_does_not_take_the_answer_is_left() -> None:
    huge = NumpyEngine(MODEL, lambda _: {"y": np.zeros((1, 20_000_000), np.float32)})
    async with (
        http_site(huge, model(MODEL), stall_seconds=0.2) as site,
        site.connect() as client,
    ):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(HEAD % len(ROWS) + ROWS)
        async with asyncio.timeout(20):
            await site.lost.wait()


async def test_who_leaves_in_the_middle_leaves_nothing(site: Site) -> None:
    for sent in (b"POST", b"POST /v1 HTTP/1.1\r\n\r\n", HEAD % 99 + b"{"):
        async with site.connect() as client:
            await client.send(sent)
            client.writer.transport.abort()
    async with site.connect() as client:
        assert (await client.post(PREDICT, ROWS)).status == 200


def _asking(upgrade: bytes, body: bytes, *, chunked: bool = False) -> bytes:
    """A prediction with further header lines."""
    length = b"Content-Length: %d" % len(body)
    if chunked:
        length, body = b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    lines = (b"POST %s HTTP/1.1" % PREDICT.encode(), b"Host: a", upgrade + length)
    return b"\r\n".join(lines) + EMPTY + body


async def _is_given_up(client: Client) -> None:
    reply = await client.reply()
    assert (reply.status, reply.headers["connection"]) == (408, "close")


async def _drip(client: Client, byte: bytes) -> None:
    while True:
        client.writer.write(byte)
        await asyncio.sleep(0.01)
