"""The whole operator when the API server, the store or the machine is in trouble."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from fakes.api_server import ApiServer
from fakes.small_operator import (
    DIGITS,
    MODEL,
    SETTINGS,
    finish_job,
    job_then_deployment,
    operator,
    status,
    stories,
)

from frazil_operator.app import run
from frazil_operator.plan import plan
from frazil_operator.resources import JOBS, LEASES, SERVICES

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("method", "kind", "codes"),
    [
        pytest.param("PATCH", "Job", [500, 429], id="applying fails for a while"),
        pytest.param("PATCH", "ModelDeployment", [409, 500], id="the status cannot be written"),
        pytest.param("GET", "Job", [500, 503], id="the Jobs cannot be listed"),
        pytest.param("GET", "Deployment", [410], id="a watch is told to list again"),
        pytest.param("GET", "Lease", [500], id="the Lease cannot be read"),
        pytest.param("GET", "ModelDeployment", [404, 404], id="the CRD comes later"),
    ],
)
async def test_it_gets_there_although(
    server: ApiServer, method: str, kind: str, codes: list[int]
) -> None:
    server.refusals[method, kind] = codes
    async with operator(server):
        await server.put(MODEL)
        await finish_job(server)
        await server.until(lambda: "frozen" in status(server), seconds=30)
    assert codes == []


async def test_the_lease_is_let_go_at_the_end(server: ApiServer) -> None:
    async with operator(server):
        lease = await server.until(lambda: server.get(LEASES, "frazil-system", "frazil-operator"))
        assert lease["spec"]["holderIdentity"] == "pod-1"
    after = server.objects["leases", "frazil-system", "frazil-operator"]
    assert after["spec"]["holderIdentity"] == ""


async def test_a_port_in_use_ends_the_process(server: ApiServer) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await run(replace(SETTINGS, port=port), job_then_deployment)


async def test_while_the_store_is_away_the_model_is_told_and_all_else_is_done(
    server: ApiServer,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    settings = replace(
        SETTINGS,
        embedded_store=True,
        store_endpoint=f"http://127.0.0.1:{port}",
        store_root_access_key="root",
        store_root_secret_key="root",
        root_key="root",
    )
    async with operator(server, plan, settings):
        await server.put(MODEL)
        await server.until(lambda: ready(server) == ("False", "StoreUnreachable"))
        assert status(server)["observedGeneration"] == 1
        assert server.get(SERVICES, *DIGITS) is not None
        assert not jobs(server)
        await server.until(lambda: any("StoreUnreachable" in story for story in stories(server)))
        async with accepting(port):
            await server.until(lambda: jobs(server))
            await server.until(lambda: ready(server) == ("Unknown", "Freezing"))


def ready(server: ApiServer) -> tuple[str, str]:
    conditions = status(server).get("conditions", [])
    found = [(c["status"], c["reason"]) for c in conditions if c["type"] == "Ready"]
    return found[0] if found else ("", "")


def jobs(server: ApiServer) -> list[str]:
    return [name for plural, _, name in server.objects if plural == JOBS.plural]


@asynccontextmanager
async def accepting(port: int) -> AsyncIterator[None]:
    """A store that does whatever its root asks for."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
