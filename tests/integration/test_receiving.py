"""Bodies over real sockets, on the event loop that serves and on the standard library's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from fakes.http import Client, Site, http_site
from fakes.models import NumpyEngine, manifest, model, tensor

pytestmark = pytest.mark.integration

MODEL = manifest((tensor("x"),), (tensor("y", "float32", None),))
ENGINE = NumpyEngine(MODEL, lambda inputs: {"y": inputs["x"] * 2})
PREDICT = "/v1/models/digits:predict"
HEAD = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
MEBIBYTE = 2**20

Ask = Callable[[Site, Client], Coroutine[Any, Any, None]]


def predict(size: int, number: int) -> tuple[bytes, bytes]:
    """A request with a body of about so many bytes, and its answer's body."""
    body = b'{"instances": [[%d, 2]]}' % number + b" " * size
    return HEAD % len(body) + body, b'{"predictions":[[%.1f,4.0]]}' % (2 * number)


async def in_any_pieces(_: Site, client: Client) -> None:
    """Requests without a pause, cut anywhere."""
    drawn = random.Random(5)
    sizes = [100, 20_000, 300_000, MEBIBYTE, 3 * MEBIBYTE + 1, 100]
    asked = [predict(size, number) for number, size in enumerate(sizes)]
    sent, at = b"".join(request for request, _ in asked), 0

    async def send() -> None:
        nonlocal at
        while at < len(sent):
            size = drawn.choice((1, 100, 1448, 65_536, 500_000))
            await client.send(sent[at : at + size])
            at += size
            await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    for _, answer in asked:
        assert (await client.reply()).body == answer
    await sending


async def the_head_by_itself(_: Site, client: Client) -> None:
    """As most clients send it."""
    for number, size in enumerate((100, 500_000, 2 * MEBIBYTE)):
        request, answer = predict(size, number)
        head = request.index(b"{")
        await client.send(request[:head])
        await asyncio.sleep(0)
        await client.send(request[head:])
        assert (await client.reply()).body == answer


async def one_who_leaves_in_the_middle(site: Site, client: Client) -> None:
    """Another is served all the same."""
    request, answer = predict(3 * MEBIBYTE, 1)
    await client.send(request[: 2 * MEBIBYTE])
    client.writer.transport.abort()
    await site.lost.wait()
    async with site.connect() as other:
        await other.send(request)
        assert (await other.reply()).body == answer


async def many_at_once(site: Site, _: Client) -> None:
    """On connections of their own: what they send does not mix."""

    async def ask(number: int) -> None:
        async with site.connect() as client:
            for size in (200_000, 50, 600_000):
                request, answer = predict(size, number)
                await client.send(request)
                assert (await client.reply()).body == answer

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(ask(number))


@pytest.mark.parametrize(
    "ask", [in_any_pieces, the_head_by_itself, one_who_leaves_in_the_middle, many_at_once]
)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_bodies_come_whole(ask: Ask, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def served() -> None:
        async with (
            asyncio.timeout(60),
            http_site(ENGINE, model(MODEL)) as site,
            site.connect() as client,
        ):
            await ask(site, client)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(served())
