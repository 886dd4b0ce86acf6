"""The whole operator, in this process, against an API server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.api_server import ApiServer, api_server
from frazil_operator import names
from frazil_operator.app import run
from frazil_operator.observed import Event, Object, Observed, Plan, Ref
from frazil_operator.resources import DEPLOYMENTS, JOBS, LEASES, MODELS, SERVICES
from frazil_operator.settings import Settings

pytestmark = pytest.mark.integration

SETTINGS = Settings("frazil-system", "runtime:1", "freezer:1", identity="pod-1", port=0)
MODEL = {
    "apiVersion": names.API_VERSION,
    "kind": names.KIND,
    "metadata": {"namespace": "vision", "name": "digits"},
    "spec": {"checkpoint": {"uri": "s3://models/digits"}},
    "status": {"observedGeneration": -1},
}


def child(model: Object, kind: str, api_version: str, spec: dict[str, Any]) -> dict[str, Any]:
    owner = {"kind": names.KIND, "name": "digits", "uid": model["metadata"]["uid"]}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "namespace": "vision",
            "name": "digits",
            "labels": {names.MODEL: "digits"},
            "annotations": {names.HASH: str(spec)},
            "ownerReferences": [{**owner, "apiVersion": names.API_VERSION, "controller": True}],
        },
        "spec": spec,
    }


def job_then_deployment(observed: Observed, settings: Settings) -> Plan:
    """A small plan: a Job; when it is done, a Deployment and a Service; a foreign object stops."""
    if observed.foreign:
        return Plan(status={"reason": "NameConflict"}, requeue_after=0.01)
    apply = [child(observed.model, "Job", "batch/v1", {"suspend": False})]
    jobs = [body for body in observed.children if body["kind"] == "Job"]
    status: dict[str, Any] = {"observedGeneration": observed.model["metadata"]["generation"]}
    events: tuple[Event, ...] = ()
    if jobs and (jobs[0].get("status") or {}).get("conditions"):
        spec = {"replicas": observed.model["spec"].get("replicas", 1)}
        apply.append(child(observed.model, "Deployment", "apps/v1", spec))
        apply.append(child(observed.model, "Service", "v1", {"ports": [{"port": 80}]}))
        status["frozen"] = True
        if "frozen" not in observed.model["status"]:
            events = (Event("Normal", "Frozen", "The checkpoint is frozen."),)
    superseded = [
        Ref("apps/v1", "Deployment", "vision", body["metadata"]["name"], body["metadata"]["uid"])
        for body in observed.children
        if body["metadata"]["name"] == "digits-old"
    ]
    return Plan(tuple(apply), tuple(superseded), status, events)


@asynccontextmanager
async def operator(
    server: ApiServer, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings = SETTINGS
) -> AsyncIterator[asyncio.Task[None]]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(folder / "kubeconfig")))
    task = asyncio.create_task(run(settings, job_then_deployment))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def running(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ApiServer]:
    async with operator(server, tmp_path, monkeypatch):
        yield server


def exists(server: ApiServer, resource: Any, name: str = "digits") -> Callable[[], Any]:
    return lambda: server.get(resource, "vision", name)


async def finish_job(server: ApiServer) -> None:
    job = await server.until(exists(server, JOBS))
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    await server.put({**job, "status": done})


async def test_a_model_becomes_a_job_then_a_deployment_and_its_story(running: ApiServer) -> None:
    await running.put(MODEL)
    await finish_job(running)
    await running.until(exists(running, DEPLOYMENTS))
    await running.until(lambda: "frozen" in exists(running, MODELS)()["status"])
    await running.until(lambda: any(b["kind"] == "Event" for b in running.objects.values()))
    (story,) = [b["message"] for b in running.objects.values() if b["kind"] == "Event"]
    assert story == "The checkpoint is frozen."
