"""When things happened, read from the API server's audit log: seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bench.cluster import SYSTEM, Object, audit

OPERATOR = "system:serviceaccount:frazil-system:frazil-operator"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def stamp(event: Object) -> float:
    """When the API server had finished the request."""
    return datetime.fromisoformat(event["stageTimestamp"]).timestamp()


def became_ready(namespace: str, name: str) -> dict[int, float]:
    """For each generation of a model, when the status first said Ready=True of it."""
    moments: dict[int, float] = {}
    for event in audit():
        reference = event.get("objectRef", {})
        if (reference.get("resource"), reference.get("subresource")) != (
            "modeldeployments",
            "status",
        ):
            continue
        if (reference.get("namespace"), reference.get("name")) != (namespace, name):
            continue
        status = (event.get("requestObject") or {}).get("status") or {}
        for condition in status.get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] == "True":
                moments.setdefault(condition["observedGeneration"], stamp(event))
    return moments


def resized(since: datetime, namespace: str, model: str) -> list[tuple[float, int]]:
    """When the operator changed how many pods a model's Deployments ask for, and to how many."""
    sizes: list[tuple[float, int]] = []
    for event in operator_requests(since):
        reference = event.get("objectRef", {})
        if event["verb"] != "patch" or reference.get("resource") != "deployments":
            continue
        if reference["namespace"] == namespace and reference["name"].startswith(f"{model}-"):
            replicas = event["requestObject"]["spec"]["replicas"]
            if replicas != (sizes[-1][1] if sizes else 1):
                sizes.append((stamp(event), replicas))
    return sizes


def operator_writes(since: datetime, namespace: str) -> list[Object]:
    """The operator's writes since an instant, in a namespace, in its own or in none.

    Left out are its Lease, and what it does for the models of other tests.
    """
    return [
        event
        for event in operator_requests(since)
        if event["verb"] in WRITES
        and event["objectRef"].get("namespace", SYSTEM) in (namespace, SYSTEM)
        and event["objectRef"]["resource"] != "leases"
    ]


def operator_requests(since: datetime | None = None) -> Iterator[Object]:
    """Every request the operator's service account made."""
    return (event for event in audit(since) if event["user"]["username"] == OPERATOR)
