"""The whole operator, in this process, against an API server in memory."""

from __future__ import annotations

import asyncio

import pytest
from fakes.api_server import ApiServer
from fakes.small_operator import (
    DIGITS,
    MODEL,
    finish_job,
    job_then_deployment,
    operator,
    status,
    stories,
    touch,
)

from frazil_operator.observed import Observed, Plan
from frazil_operator.resources import DEPLOYMENTS, MODELS, SERVICES
from frazil_operator.settings import Settings

pytestmark = pytest.mark.integration


async def test_a_model_becomes_a_job_then_a_deployment_and_its_story(running: ApiServer) -> None:
    await running.put(MODEL)
    await finish_job(running)
    await running.until(lambda: running.get(DEPLOYMENTS, *DIGITS))
    await running.until(lambda: "frozen" in status(running))
    await running.until(lambda: stories(running) == ["The checkpoint is frozen."])


async def test_looking_again_at_what_is_right_writes_nothing(server: ApiServer) -> None:
    looks = asyncio.Queue[str]()

    def reported(observed: Observed, settings: Settings) -> Plan:
        annotations = observed.model["metadata"].get("annotations", {})
        looks.put_nowait(annotations.get("example.com/touched", ""))
        return job_then_deployment(observed, settings)

    async with operator(server, reported):
        await server.put(MODEL)
        await finish_job(server)
        await server.until(lambda: stories(server))
        before = len(server.writes())
        for i in range(20):
            await touch(server, str(i))
        async with asyncio.timeout(10):
            while await looks.get() != "19":
                pass
    assert len(server.writes()) == before


async def test_a_restart_writes_nothing(server: ApiServer) -> None:
    async with operator(server):
        await server.put(MODEL)
        await finish_job(server)
        await server.until(lambda: stories(server))
    before = server.writes()
    looked = asyncio.Event()

    def reported(observed: Observed, settings: Settings) -> Plan:
        looked.set()
        return job_then_deployment(observed, settings)

    async with operator(server, reported), asyncio.timeout(10):
        await looked.wait()
        await touch(server, "to see a second look end")
        looked.clear()
        await looked.wait()
    assert server.writes() == before


async def test_a_deleted_child_comes_back(serving: ApiServer) -> None:
    former = serving.objects["services", *DIGITS]["metadata"]["uid"]
    await serving.remove(SERVICES, *DIGITS)
    found = await serving.until(lambda: serving.get(SERVICES, *DIGITS))
    assert found["metadata"]["uid"] != former


async def test_a_changed_child_is_put_back(serving: ApiServer) -> None:
    service = serving.objects["services", *DIGITS]
    await serving.put({**service, "spec": {"ports": [{"port": 81}]}})
    await serving.until(
        lambda: serving.objects["services", *DIGITS]["spec"] == {"ports": [{"port": 80}]}
    )


async def test_what_the_plan_deletes_is_deleted(serving: ApiServer) -> None:
    deployment = serving.objects["deployments", *DIGITS]
    place = {**deployment["metadata"], "name": "digits-old", "uid": "old"}
    await serving.put({**deployment, "metadata": place})
    await serving.until(lambda: ("DELETE", "Deployment", "digits-old", 200) in serving.requests)


async def test_a_foreign_service_is_left_alone_until_it_goes(running: ApiServer) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "vision", "name": "digits"},
        "spec": {"ports": [{"port": 5432}]},
    }
    before = await running.put(foreign)
    await running.put(MODEL)
    await finish_job(running)
    await running.until(lambda: status(running).get("reason") == "NameConflict")
    assert running.get(SERVICES, *DIGITS) == before
    assert running.get(DEPLOYMENTS, *DIGITS) is None
    await running.remove(SERVICES, *DIGITS)
    await running.until(lambda: "frozen" in status(running))


async def test_a_deleted_model_is_left_to_the_garbage_collector(serving: ApiServer) -> None:
    await serving.remove(MODELS, *DIGITS)
    before = len(serving.writes())
    await serving.remove(SERVICES, *DIGITS)
    await serving.remove(DEPLOYMENTS, *DIGITS)
    await serving.put({**MODEL, "metadata": {"namespace": "vision", "name": "other"}})
    await serving.until(lambda: len(serving.writes()) > before)
    assert serving.get(SERVICES, *DIGITS) is None
