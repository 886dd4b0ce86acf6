"""Pure: where freezing stands, and what to do about its Job.

The artifact is known as soon as a ControllerRevision remembers what this spec froze to; until then
the Job is made, started when it is its turn, and read when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.observed import Object, Observed, Ref
from frazil_operator.plan.freeze import freeze_hash, freeze_job, job_name, job_options
from frazil_operator.plan.objects import child
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
from frazil_operator.revision import Artifact, Revision
from frazil_operator.settings import Settings
from frazil_runtime.contract import Exit, FreezeResult

POLL = 2.0  # seconds between looks at what no watch reports
RETRY_AFTER = 60.0  # seconds until a Job that the infrastructure failed is made again
NO_POD_AFTER = 15.0  # seconds after which a started Job without a pod is news
_MEMORY = "spec.freeze.resources"


@dataclass(frozen=True, slots=True)
class Freezing:
    """The state of freezing, as the Frozen condition says it, and what to do.

    ``status`` is True, False or Unknown; ``artifact`` is set exactly when it is True.
    """

    status: str
    reason: str
    message: str
    artifact: Artifact | None = None
    apply: tuple[Object, ...] = ()
    delete: tuple[Ref, ...] = ()
    requeue_after: float | None = None


def freezing(
    model: Model,
    observed: Observed,
    jobs: Sequence[Object],
    revisions: Mapping[str, Revision],
    settings: Settings,
) -> Freezing:
    """Where freezing stands for what the spec names now. ``jobs`` are the model's own."""
    wanted = freeze_hash(model)
    mine = [job for job in jobs if job["metadata"]["labels"].get(names.FREEZE) == wanted]
    stale = tuple(reference(job) for job in jobs if job not in mine and not is_terminating(job))
    if artifact := _known(wanted, revisions):
        return _frozen(artifact, stale)
    job, superseded = _current(model, mine, settings)
    delete = stale + tuple(reference(old) for old in superseded)
    if job is None:
        made = freeze_job(model, settings)
        return _unknown("Freezing", "the freeze Job is being made", (made,), delete)
    return _follow(model, observed, job, delete, settings)


def reference(body: Object) -> Ref:
    """What deletes this very object, and not another of the same name."""
    metadata = body["metadata"]
    return Ref(
        body["apiVersion"],
        body["kind"],
        metadata["namespace"],
        metadata["name"],
        metadata.get("uid", ""),
    )


def _known(wanted: str, revisions: Mapping[str, Revision]) -> Artifact | None:
    """What this was frozen to, if a revision remembers it."""
    known = [revision for revision in revisions.values() if revision.freeze == wanted]
    return max(known, key=lambda revision: revision.number).artifact if known else None


def _current(
    model: Model, jobs: Sequence[Object], settings: Settings
) -> tuple[Object | None, list[Object]]:
    """The Job to follow, and those that it supersedes.

    One that has succeeded is used whatever it was made with. One that runs is left alone by an
    operator with another image, but not by a user who changed how to freeze. One that failed is
    followed only while nothing about it has changed.
    """
    name, options = job_name(model, settings), job_options(model)

    def rank(job: Object) -> int:
        if is_terminating(job):
            return 3 if job["metadata"]["name"] == name else 0  # wait: the name is taken
        if _ended(job, "Complete"):
            return 4
        same = job["metadata"].get("annotations", {}).get(names.JOB_OPTIONS) == options
        if _ended(job, "Failed"):
            return 1 if job["metadata"]["name"] == name else 0
        return 2 if same else 0

    best = max(jobs, key=rank, default=None)
    current = best if best is not None and rank(best) > 0 else None
    return current, [job for job in jobs if job is not current and not is_terminating(job)]


def _follow(
    model: Model, observed: Observed, job: Object, delete: tuple[Ref, ...], settings: Settings
) -> Freezing:
    pods = _pods_of(job, observed.pods)
    if is_terminating(job):
        return _unknown("Freezing", "the freeze Job is being replaced", (), delete)
    if _ended(job, "Complete"):
        result = _result(pods)
        if result is None:
            message = "the freeze Job left no result that can be read; it runs again"
            return _unknown("Freezing", message, (), (*delete, reference(job)))
        return _frozen(_artifact(model, result), delete)
    if failed := _ended(job, "Failed"):
        return _failed(job, failed, pods, observed, delete)
    if job["spec"].get("suspend"):
        return _queued(model, observed, job, delete, settings)
    return _running(job, pods, observed, delete)


def _queued(
    model: Model, observed: Observed, job: Object, delete: tuple[Ref, ...], settings: Settings
) -> Freezing:
    free = observed.running_freezes < settings.max_concurrent_freezes
    if free and observed.freezes_ahead == 0:
        return _unknown("Freezing", "the freeze Job starts", (_started(model, job),), delete)
    ahead = observed.freezes_ahead
    message = f"other models are being frozen, {ahead} more come before this one"
    return _unknown("Queued", message, (), delete)


def _started(model: Model, job: Object) -> Object:
    """The live Job, no longer suspended: the same template, whoever rendered it."""
    metadata = job["metadata"]
    kept = {key: metadata["annotations"][key] for key in (names.JOB_OPTIONS,)}
    return child(
        model,
        names.Child("batch/v1", "Job", metadata["name"]),
        {"spec": dict(job["spec"]) | {"suspend": False}},
        labels={names.FREEZE: metadata["labels"][names.FREEZE]},
        annotations=kept,
    )


def _running(
    job: Object, pods: Sequence[Object], observed: Observed, delete: tuple[Ref, ...]
) -> Freezing:
    name = job["metadata"]["name"]
    fault = obstacle(pods, observed.now)
    started = job.get("status", {}).get("startTime")
    if not pods and started:
        waited = (observed.now - instant(started)).total_seconds()
        if waited > NO_POD_AFTER:
            message = f"the Job {name} has no pod; `kubectl describe job {name}` says why"
            fault = Fault(Blame.CLUSTER, "PodNotCreated", message)
    if fault is not None:
        return Freezing("False", fault.reason, fault.message, None, (), delete, POLL)
    last = crash([pod for pod in pods if _newest(pods) is pod], memory=_MEMORY)
    again = f"; it is tried again ({last.message})" if last else ""
    return _unknown("Freezing", f"the freeze Job {name} runs{again}", (), delete)


def _failed(
    job: Object,
    failed: Mapping[str, Any],
    pods: Sequence[Object],
    observed: Observed,
    delete: tuple[Ref, ...],
) -> Freezing:
    """A Job that the user must mend stays failed; one that the infrastructure failed is retried."""
    if failed.get("reason") == "DeadlineExceeded":
        message = "freezing took longer than spec.freeze.timeoutSeconds; raise it"
        return Freezing("False", "DeadlineExceeded", message, None, (), delete)
    fault = crash(pods, memory=_MEMORY) or _policy(failed)
    if fault is not None and fault.blame is Blame.MODEL:
        return Freezing("False", fault.reason, fault.message, None, (), delete)
    left = RETRY_AFTER - (observed.now - instant(failed["lastTransitionTime"])).total_seconds()
    if left <= 0:
        message = "the freeze Job failed and is made again"
        return _unknown("Freezing", message, (), (*delete, reference(job)))
    reason = fault.reason if fault else failed.get("reason", "FreezeFailed")
    said = fault.message if fault else failed.get("message", "")
    message = f"the freeze Job failed and is tried again within a minute: {said}"
    return Freezing("False", reason, message, None, (), delete, left)


def _policy(failed: Mapping[str, Any]) -> Fault | None:
    """The exit code that the Job's condition tells where the pod is gone."""
    found = re.search(r"exit code (\d+)", failed.get("message", ""))
    if found is None or int(found[1]) not in tuple(Exit):
        return None
    return Fault(Blame.MODEL, Exit(int(found[1])).reason, failed["message"])


def _result(pods: Iterable[Object]) -> FreezeResult | None:
    """What ``publish`` said in the pod that succeeded."""
    for pod in pods:
        for name, ended, _ in terminations(pod):
            if name == "publish" and ended.get("exitCode") == 0:
                result = FreezeResult.from_json(ended.get("message") or "")
                if result is not None and result.artifact:
                    return result
    return None


def _artifact(model: Model, result: FreezeResult) -> Artifact:
    return Artifact(
        name=result.artifact,
        checkpoint=model.spec.checkpoint.uri,
        checkpoint_digest=result.checkpoint,
        checkpoint_bytes=result.checkpoint_bytes,
        artifact_bytes=result.artifact_bytes,
        reused=result.reused,
    )


def _frozen(artifact: Artifact, delete: tuple[Ref, ...]) -> Freezing:
    size = f" ({artifact.artifact_bytes / 1e6:.1f} MB)" if artifact.artifact_bytes else ""
    message = f"{artifact.checkpoint} is frozen as {artifact.name}{size}"
    return Freezing("True", "Frozen", message, artifact, (), delete)


def _unknown(
    reason: str, message: str, apply: tuple[Object, ...], delete: tuple[Ref, ...]
) -> Freezing:
    return Freezing("Unknown", reason, message, None, apply, delete, POLL)


def _ended(job: Object, how: str) -> Mapping[str, Any]:
    """The Job's Complete or Failed condition where it holds; else empty."""
    found = condition(job, how)
    return found if found.get("status") == "True" else {}


def _pods_of(job: Object, pods: Iterable[Object]) -> list[Object]:
    name = job["metadata"]["name"]
    label = "batch.kubernetes.io/job-name"
    return [pod for pod in pods if pod["metadata"].get("labels", {}).get(label) == name]


def _newest(pods: Sequence[Object]) -> Object:
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
