"""Pure: where freezing stands, and what to do about its Job.

The artifact is known as soon as a ControllerRevision remembers what this spec froze to; until then
the Job is made, started when it is its turn, and read when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.observed import Object, Observed, Ref
from frazil_operator.plan import jobs
from frazil_operator.plan.freeze import freeze_hash, freeze_job
from frazil_operator.plan.parts import child
from frazil_operator.plan.pods import Blame, is_terminating
from frazil_operator.plan.setbacks import Setbacks
from frazil_operator.revision import Artifact, Revision
from frazil_operator.settings import Settings
from frazil_runtime.contract import FreezeResult

POLL = 2.0  # seconds between looks at what no watch reports
AFTERWARDS = (
    "when this is mended and the spec is still the same, then annotate the model with "
    f"{names.RETRY}=<anything new>"
)


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
    own: Sequence[Object],
    revisions: Mapping[str, Revision],
    settings: Settings,
) -> Freezing:
    """Where freezing stands for what the spec names now. ``own`` are the model's Jobs."""
    wanted = freeze_hash(model)
    same = [job for job in own if job["metadata"]["labels"].get(names.FREEZE) == wanted]
    useless = [job for job in own if job not in same and not is_terminating(job)]
    if artifact := _known(wanted, revisions):
        artifact = replace(artifact, checkpoint=model.spec.checkpoint.uri)
        return _without(useless, _frozen(artifact))
    job, superseded = jobs.current(model, same, settings)
    if job is None:
        made = freeze_job(model, settings)
        return _without(useless + superseded, _unknown("the freeze Job is made", apply=(made,)))
    return _without(useless + superseded, _follow(model, observed, job, settings))


def reference(body: Object) -> Ref:
    """What deletes this very object, and not another of the same name."""
    metadata = body["metadata"]
    identity = (body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
    return Ref(*identity, metadata.get("uid", ""))


def _known(wanted: str, revisions: Mapping[str, Revision]) -> Artifact | None:
    """What this was frozen to, if a revision remembers it."""
    known = [revision for revision in revisions.values() if revision.freeze == wanted]
    return max(known, key=lambda revision: revision.number).artifact if known else None


def _follow(model: Model, observed: Observed, job: Object, settings: Settings) -> Freezing:
    """What a Job's state means. What failed before stays the news while it is tried again."""
    past, pods = Setbacks.of(job), jobs.pods_of(job, observed.pods)
    if last := jobs.failure(pods):
        past = replace(past, message=last.message)
    return _after(past, _state(model, observed, job, pods, settings))


def _state(
    model: Model, observed: Observed, job: Object, pods: Sequence[Object], settings: Settings
) -> Freezing:
    if is_terminating(job):
        return _unknown("the freeze Job is being replaced")
    if jobs.ended(job, "Complete"):
        return _completed(model, job, jobs.result(pods))
    if jobs.ended(job, "Failed"):
        return _failed(model, observed, job, pods, settings)
    if job["spec"].get("suspend"):
        return _waiting(model, observed, job, settings)
    if fault := jobs.trouble(job, pods, observed.now):
        return Freezing("False", fault.reason, fault.message, requeue_after=POLL)
    return _unknown(f"{model.spec.checkpoint.uri} is being frozen")


def _completed(model: Model, job: Object, result: FreezeResult | None) -> Freezing:
    if result is None:
        message = "the freeze Job left no result that can be read; it runs again"
        return _unknown(message, delete=(reference(job),))
    artifact = Artifact(
        name=result.artifact,
        checkpoint=model.spec.checkpoint.uri,
        checkpoint_digest=result.checkpoint,
        checkpoint_bytes=result.checkpoint_bytes,
        artifact_bytes=result.artifact_bytes,
        reused=result.reused,
        inputs=result.inputs,
    )
    return _frozen(artifact)


def _failed(
    model: Model, observed: Observed, job: Object, pods: Sequence[Object], settings: Settings
) -> Freezing:
    """A Job that the user must mend stays failed; one that the infrastructure failed is followed
    by another, which is there before this one goes: so the count is never lost."""
    fault = jobs.verdict(job, pods)
    if fault.blame is Blame.MODEL:
        return Freezing("False", fault.reason, f"{fault.message}; {AFTERWARDS}")
    past = Setbacks.of(job).another(fault)
    left = past.pause - jobs.failed_for(job, observed.now)
    if left > 0:
        again = _unknown(f"freezing failed and is tried again after {past.pause:.0f} s")
        return replace(_after(past, again), requeue_after=left)
    made = freeze_job(model, settings, past)
    again = _unknown("the freeze Job is made again", apply=(made,), delete=(reference(job),))
    return _after(past, again)


def _waiting(model: Model, observed: Observed, job: Object, settings: Settings) -> Freezing:
    """A suspended Job starts when one may run and nobody comes before it."""
    ahead = observed.freezes_ahead
    if observed.running_freezes < settings.max_concurrent_freezes and ahead == 0:
        return _unknown("the freeze Job starts", apply=(_started(model, job),))
    message = f"other models are being frozen; {ahead} more come before this one"
    return _unknown(message, reason="Queued")


def _started(model: Model, job: Object) -> Object:
    """The live Job, no longer suspended: the same template, whoever rendered it."""
    metadata = job["metadata"]
    return child(
        model,
        names.Child("batch/v1", "Job", metadata["name"]),
        {"spec": dict(job["spec"]) | {"suspend": False}},
        labels={names.FREEZE: metadata["labels"][names.FREEZE]},
        annotations={names.JOB_OPTIONS: metadata["annotations"][names.JOB_OPTIONS]}
        | Setbacks.of(job).annotations,
    )


def _frozen(artifact: Artifact) -> Freezing:
    size = f", {_size(artifact.artifact_bytes)}" if artifact.artifact_bytes else ""
    known = ", known already" if artifact.reused else ""
    message = f"{artifact.checkpoint} is frozen as {artifact.name}{size}{known}"
    return Freezing("True", "Frozen", message, artifact)


def _size(count: float) -> str:
    """Bytes, readable: ``1.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _unknown(message: str, *, reason: str = "Freezing", **do: Any) -> Freezing:
    return Freezing("Unknown", reason, message, requeue_after=POLL, **do)


def _after(past: Setbacks, state: Freezing) -> Freezing:
    """The state, and what went wrong before: after a failed Job only success is better news."""
    said = past.message or past.reason
    if state.status != "Unknown" or not said:
        return state
    told = replace(state, message=f"{state.message}; last attempt: {said}")
    return replace(told, status="False", reason=past.reason) if past.times else told


def _without(useless: Sequence[Object], state: Freezing) -> Freezing:
    """The state, and away with the Jobs that freeze what nobody asks for any more."""
    return replace(state, delete=(*map(reference, useless), *state.delete))
