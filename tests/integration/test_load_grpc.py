"""The load's gRPC client: what it writes down about connections is what judges a rollout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from fakes.grpc import SECONDS, GrpcSite, grpc_site
from fakes.models import NumpyEngine, manifest, model, tensor

from bench.answer import Answer
from bench.grpc_client import GrpcClient

pytestmark = pytest.mark.integration

ROWS = np.float32([[1, 2], [3, 4]])
MODEL = model(manifest((tensor("x"),), (tensor("y"),)))


@pytest_asyncio.fixture
async def site() -> AsyncIterator[GrpcSite]:
    """A server of connections that soon grow old."""
    engine = NumpyEngine(MODEL.manifest, lambda inputs: {"y": inputs["x"] * 2})
    async with grpc_site(engine, MODEL, age_seconds=0.2) as site:
        yield site


@pytest_asyncio.fixture
async def client(site: GrpcSite) -> AsyncIterator[GrpcClient]:
    url, loop = "http://127.0.0.1/v1/models/digits:predict", asyncio.get_running_loop()
    client = await asyncio.to_thread(GrpcClient, url, ROWS, loop, site.port)
    yield client
    await asyncio.to_thread(client.close)


async def ask(client: GrpcClient, row: int = 0) -> Answer:
    """As the load does, from a thread of its own."""
    return await asyncio.to_thread(client.ask, row)


async def test_an_answer_names_its_revision_and_outputs(client: GrpcClient) -> None:
    answer = await ask(client, 1)
    assert (answer.mode, answer.row, answer.status) == ("grpc", 1, 200)
    assert (answer.revision, answer.outputs) == (MODEL.revision, [6, 8])


async def test_a_channel_opens_its_connection_when_it_is_first_asked(client: GrpcClient) -> None:
    first, second = await ask(client), await ask(client)
    assert first.opened == first.sent
    assert second.opened in (first.opened, second.sent)  # it may have grown old meanwhile


async def test_a_connection_that_grew_old_is_followed_by_another(client: GrpcClient) -> None:
    answers = [await ask(client)]
    async with asyncio.timeout(SECONDS):
        while len({answer.opened for answer in answers}) < 4:
            answers.append(await ask(client))
    # A request that meets the end inside the client is cancelled there, and these do not retry.
    failed = [answer.error for answer in answers if answer.status != 200]
    assert [error for error in failed if "GOAWAY received" not in error] == []
    opened = [answer.opened for answer in answers]
    assert opened == sorted(opened)
    assert set(opened) <= {answer.sent for answer in answers}


async def test_a_request_that_fails_is_asked_once(client: GrpcClient, site: GrpcSite) -> None:
    await ask(client)
    await site.end()
    answer = await ask(client)
    assert (answer.status, answer.outputs) == (0, [])
    assert answer.error.startswith("UNAVAILABLE: ")
