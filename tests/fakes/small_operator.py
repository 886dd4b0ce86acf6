"""The real operator with a small plan: a Job, and when that is done a Deployment and a Service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fakes.api_server import ApiServer

from frazil_operator import names
from frazil_operator.app import run
from frazil_operator.observed import Event, Object, Observed, Plan, Ref
from frazil_operator.reconcile import Planner
from frazil_operator.resources import JOBS, MODELS
from frazil_operator.settings import Settings

SETTINGS = Settings("frazil-system", "runtime:1", "freezer:1", identity="pod-1", port=0)
DIGITS = ("vision", "digits")
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
    server: ApiServer, plan: Planner = job_then_deployment, settings: Settings = SETTINGS
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(run(settings, plan))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def status(server: ApiServer) -> dict[str, Any]:
    return (server.get(MODELS, *DIGITS) or {}).get("status", {})


def stories(server: ApiServer) -> list[str]:
    return [body["message"] for body in server.objects.values() if body["kind"] == "Event"]


async def finish_job(server: ApiServer) -> None:
    job = await server.until(lambda: server.get(JOBS, *DIGITS))
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    await server.put({**job, "status": done})


async def touch(server: ApiServer, value: str) -> None:
    """Change the model in a way that changes nothing."""
    model = server.objects["modeldeployments", *DIGITS]
    annotations = {"example.com/touched": value}
    await server.put({**model, "metadata": {**model["metadata"], "annotations": annotations}})
