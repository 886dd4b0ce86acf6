"""Pure: why the pods of a revision are not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from frazil_operator.observed import Object
from frazil_operator.plan.pods import (
    Blame,
    Fault,
    age,
    condition,
    crash,
    is_ready,
    is_terminating,
    obstacle,
)

_MEMORY = "spec.serving.resources.limits.memory"


def serving_fault(
    deployment: Object | None, pods: Sequence[Object], deadline: int, now: datetime
) -> Fault | None:
    """What keeps a revision's pods from serving: the model's own fault first.

    ``deadline`` is spec.rollout.progressDeadlineSeconds, counted from each pod's creation.
    """
    return (
        crash(pods, memory=_MEMORY)
        or obstacle(pods, now)
        or _not_created(deployment)
        or _late(pods, deadline, now)
    )


def store_fault(error: str) -> Fault:
    """What keeps a namespace from having its accounts in the embedded store."""
    message = (
        f"the accounts of this namespace in Frazil's store cannot be made: {error}; it is tried "
        "again. Whoever runs the platform looks after the store"
    )
    return Fault(Blame.CLUSTER, "StoreUnreachable", message)


def _not_created(deployment: Object | None) -> Fault | None:
    """What the ReplicaSet could not create: shown nowhere on a pod, for there is none."""
    if deployment is None or not deployment["spec"].get("replicas"):
        return None
    failure = condition(deployment, "ReplicaFailure")
    if failure.get("status") != "True":
        return None
    message = failure.get("message", "")
    reason = failure.get("reason", "FailedCreate")
    if "exceeded quota" in message:
        reason = "QuotaExceeded"
    elif "violates PodSecurity" in message:
        reason = "PodSecurity"
    return Fault(Blame.CLUSTER, reason, f"pods cannot be created: {message}")


def _late(pods: Sequence[Object], deadline: int, now: datetime) -> Fault | None:
    late = [
        pod
        for pod in pods
        if not is_ready(pod) and not is_terminating(pod) and age(pod, now) > deadline
    ]
    if not late:
        return None
    name = late[0]["metadata"]["name"]
    message = f"pod {name} is not ready after {deadline} s; `kubectl logs {name}` may say why"
    return Fault(Blame.CLUSTER, "ProgressDeadlineExceeded", message)
