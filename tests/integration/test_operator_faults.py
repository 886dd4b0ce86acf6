"""The operator as a process that dies after each of its writes: the end is the same."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import pytest
from fakes.api_server import ApiServer
from fakes.small_operator import DIGITS, MODEL

from frazil_operator.resources import JOBS, MODELS

pytestmark = pytest.mark.integration

ENVIRON = {
    "FRAZIL_OPERATOR_NAMESPACE": "frazil-system",
    "FRAZIL_OPERATOR_RUNTIME_IMAGE": "runtime@sha256:1",
    "FRAZIL_OPERATOR_FREEZER_IMAGE": "freezer@sha256:1",
    "FRAZIL_OPERATOR_PORT": "0",
}


async def start(writes: int = 0) -> asyncio.subprocess.Process:
    fault = {"FRAZIL_OPERATOR_FAULT_AFTER_WRITES": str(writes)}
    command = [sys.executable, "-m", "frazil_operator"]
    return await asyncio.create_subprocess_exec(*command, env=os.environ | ENVIRON | fault)


def reason(server: ApiServer) -> str:
    """Why the model's freeze is where it is."""
    status = (server.get(MODELS, *DIGITS) or {}).get("status", {})
    found = [c["reason"] for c in status.get("conditions", []) if c["type"] == "Frozen"]
    return str(found[0]) if found else ""


async def freezing(server: ApiServer) -> dict[str, Any]:
    """The Job that runs, once all is written that leads there."""
    await server.until(lambda: reason(server) == "Freezing", seconds=30)
    (job,) = [b for (plural, _, _), b in server.objects.items() if plural == JOBS.plural]
    return job


async def test_a_freeze_is_begun_once_however_often_the_operator_dies(server: ApiServer) -> None:
    await server.put(MODEL)
    deaths = 0
    while True:
        process = await start(writes=1)
        ended = asyncio.create_task(process.wait())
        begun = asyncio.create_task(freezing(server))
        await asyncio.wait([ended, begun], return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            break
        begun.cancel()
        assert ended.result() == -signal.SIGKILL
        deaths += 1
    job = await begun
    process.kill()
    await ended
    assert deaths >= 2
    assert job["spec"]["suspend"] is False


async def test_sigterm_ends_it_at_once_and_lets_the_lease_go(server: ApiServer) -> None:
    await server.put(MODEL)
    process = await start()
    await freezing(server)
    process.terminate()
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    lease = server.objects["leases", "frazil-system", "frazil-operator"]
    assert lease["spec"]["holderIdentity"] == ""
