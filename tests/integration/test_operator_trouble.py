"""The whole operator when the API server or the machine is in trouble."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from fakes.api_server import ApiServer
from fakes.small_operator import MODEL, SETTINGS, finish_job, job_then_deployment, operator, status

from frazil_operator.app import run
from frazil_operator.resources import LEASES

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
