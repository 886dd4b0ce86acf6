"""Pure: what a freeze Job and its pods say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.objects import controller
from frazil_operator.observed import Object
from frazil_operator.plan.freeze import job_name, job_options
from frazil_operator.plan.pods import (
    Blame,
    Fault,
    condition,
    crash,
    instant,
    is_terminating,
    obstacle,
    terminations,
)
from frazil_operator.plan.setbacks import Setbacks
from frazil_operator.settings import Settings
from frazil_runtime.contract import STAGES, USER_ERRORS, Exit, FreezeResult

NO_POD_AFTER = 15.0  # seconds after which a started Job without a pod is news
_MEMORY = "spec.freeze.resources.limits.memory"
_FULL = "WorkFolderFull"
# How the kubelet says that a pod held more on disk than it may, whichever limit it met first.
_LIMITS = ("exceeds the limit", "exceeds the total limit", "ephemeral storage limit")


def current(
    model: Model, jobs: Sequence[Object], settings: Settings
) -> tuple[Object | None, list[Object]]:
    """The Job to follow of those that freeze the same, and those that it supersedes.

    One that has succeeded is used whatever it was made with. One that runs is left alone by an
    operator with another image, but not by a user who changed how to freeze. One that failed is
    followed only while nothing about it has changed, and nobody asked for another try.
    """
    name, options = job_name(model, settings), job_options(model)

    def rank(job: Object) -> int:
        metadata, setbacks = job["metadata"], Setbacks.of(job)
        if is_terminating(job):
            return 1 if metadata["name"] == name else 0  # its name is taken: wait
        if ended(job, "Complete"):
            return 4
        if ended(job, "Failed"):
            return 2 if metadata["name"] == job_name(model, settings, setbacks) else 0
        return 3 if metadata["annotations"].get(names.JOB_OPTIONS) == options else 0

    best = max(jobs, key=lambda job: (rank(job), Setbacks.of(job).times), default=None)
    followed = best if best is not None and rank(best) > 0 else None
    return followed, [job for job in jobs if job is not followed and not is_terminating(job)]


def ended(job: Object, how: str) -> Mapping[str, Any]:
    """The Job's Complete or Failed condition where it holds; else empty."""
    found = condition(job, how)
    return found if found.get("status") == "True" else {}


def pods_of(job: Object, pods: Iterable[Object]) -> list[Object]:
    """The Job's own pods, the newest first; not those of a former Job of that name."""
    own = [pod for pod in pods if controller(pod).get("uid") == job["metadata"]["uid"]]
    return sorted(own, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)


def result(pods: Iterable[Object]) -> FreezeResult | None:
    """What ``publish`` said in the pod that succeeded; None where it can no longer be read."""
    for pod in pods:
        for name, end, _ in terminations(pod):
            if name == STAGES[-1] and end.get("exitCode") == 0:
                said = FreezeResult.from_json(end.get("message") or "")
                if said is not None and said.artifact:
                    return said
    return None


def trouble(job: Object, pods: Sequence[Object], now: datetime) -> Fault | None:
    """What keeps a started Job from running, or from ever succeeding."""
    started = job.get("status", {}).get("startTime")
    waited = (now - instant(started)).total_seconds() if started else 0.0
    if not pods and waited > NO_POD_AFTER:
        return _no_pod(job)
    full = (fault for fault in map(_evicted, pods) if fault and fault.reason == _FULL)
    return next(full, None) or obstacle(pods, now)


def failure(pods: Sequence[Object]) -> Fault | None:
    """Why the newest pod failed, where it did; a Job's pods never restart."""
    evicted = _evicted(pods[0]) if pods else None
    return evicted or crash(pods[:1], memory=_MEMORY, patience=0)


def verdict(job: Object, pods: Sequence[Object]) -> Fault:
    """Why a Job failed, from its pods; where they are gone, from its Failed condition."""
    failed = ended(job, "Failed")
    reason, message = failed.get("reason", "FreezeFailed"), failed.get("message", "")
    if reason == "DeadlineExceeded":
        advice = "freezing took longer than spec.freeze.timeoutSeconds; raise it"
        evicted = next(filter(None, map(_evicted, pods)), None)  # what the time was lost with
        return evicted or Fault(Blame.MODEL, reason, advice)
    if found := failure(pods):
        return found
    code = re.search(r"exit code (\d+)", message)
    if code is not None and int(code[1]) in USER_ERRORS:
        return Fault(Blame.MODEL, Exit(int(code[1])).reason, message)
    return Fault(Blame.CLUSTER, reason, message)


def failed_for(job: Object, now: datetime) -> float:
    """Seconds since the Job failed."""
    return (now - instant(ended(job, "Failed")["lastTransitionTime"])).total_seconds()


def _no_pod(job: Object) -> Fault:
    """The Job's own status does not say why: only Events do, which the operator may not read."""
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    message = (
        f"the Job {name} has no pod, as where a quota or Pod Security refuses it: "
        f"`kubectl describe job {name} --namespace {namespace}` says why, below Events"
    )
    return Fault(Blame.CLUSTER, "PodNotCreated", message)


def _evicted(pod: Object) -> Fault | None:
    """Why the kubelet took a pod's place away, where it did."""
    status = pod.get("status", {})
    if status.get("phase") != "Failed" or status.get("reason") != "Evicted":
        return None
    said = status.get("message", "").strip()
    if any(limit in said for limit in _LIMITS):
        advice = "raise spec.freeze.resources.limits.ephemeral-storage"
        full = f"checkpoint and artifact need more disk than they may have: {said} {advice}"
        return Fault(Blame.MODEL, _FULL, full)
    advice = "what spec.freeze.resources.requests names is kept free for it"
    return Fault(Blame.CLUSTER, "Evicted", f"the freeze Job's pod was evicted: {said} {advice}")
