"""Pure: where freezing stands, and what to do about its Job.

The artifact, and what it is worth, are known as soon as a ControllerRevision remembers them; until
then the Job is made, started when it is its turn, and read when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.observed import Object, Observed, Ref
from frazil_operator.plan import evaluation, jobs
from frazil_operator.plan.evaluation import Standing
from frazil_operator.plan.freeze import freeze_hash, freeze_job, work_hash
from frazil_operator.plan.parts import child
from frazil_operator.plan.pods import Blame, is_terminating
from frazil_operator.plan.setbacks import NONE, Setbacks
from frazil_operator.revision import Artifact, Revision
from frazil_operator.settings import Settings
from frazil_runtime.contract import FreezeResult
from frazil_runtime.contract.evaluation import Evaluated

POLL = 2.0  # seconds between looks at what no watch reports
AFTERWARDS = (
    "when this is mended and the spec is still the same, then annotate the model with "
    f"{names.RETRY}=<anything new>"
)


@dataclass(frozen=True, slots=True)
class Freezing:
    """The state of freezing, as the Frozen condition says it, and what to do.

    ``status`` is True, False or Unknown; ``artifact`` is set exactly when it is True. Then either
    ``evaluated`` is set where an evaluation is asked for, or ``evaluating`` says why not.
    """

    status: str
    reason: str
    message: str
    artifact: Artifact | None = None
    evaluated: Evaluated | None = None
    evaluating: Standing | None = None
    apply: tuple[Object, ...] = ()
    delete: tuple[Ref, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a Job is to do: freeze, or no more than evaluate an artifact that is known already."""

    model: Model
    settings: Settings
    artifact: Artifact | None

    @property
    def doing(self) -> str:
        """What goes on while it runs."""
        spec = self.model.spec
        if self.artifact and spec.evaluation:
            return f"{self.artifact.name} is being evaluated on {spec.evaluation.dataset}"
        return f"{spec.checkpoint.uri} is being frozen"

    def job(self, past: Setbacks = NONE) -> Object:
        """The Job, as it is made after those that failed."""
        artifact = self.artifact.name if self.artifact else ""
        return freeze_job(self.model, self.settings, past, artifact=artifact)


def freezing(
    model: Model,
    observed: Observed,
    own: Sequence[Object],
    revisions: Mapping[str, Revision],
    settings: Settings,
) -> Freezing:
    """Where freezing stands for what the spec names now. ``own`` are the model's Jobs."""
    wanted = work_hash(model)
    same = [job for job in own if job["metadata"]["labels"].get(names.FREEZE) == wanted]
    useless = [job for job in own if job not in same and not is_terminating(job)]
    asked = Asked(model, settings, _known(model, revisions))
    if asked.artifact:
        measured = evaluation.wanted(model)
        found = evaluation.known(asked.artifact.name, measured, revisions.values())
        if found or measured is None:
            return _without(useless, _frozen(asked.artifact, found))
    job, superseded = jobs.current(model, same, settings)
    if job is None:
        state = _unknown("the freeze Job is made", apply=(asked.job(),))
    else:
        state = _follow(asked, observed, job)
    if asked.artifact:
        state = _evaluating(asked.artifact, state)
    return _without(useless + superseded, state)


def reference(body: Object) -> Ref:
    """What deletes this very object, and not another of the same name."""
    metadata = body["metadata"]
    identity = (body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"])
    return Ref(*identity, metadata.get("uid", ""))


def _known(model: Model, revisions: Mapping[str, Revision]) -> Artifact | None:
    """What this was frozen to, if a revision remembers it."""
    wanted = freeze_hash(model)
    known = [revision for revision in revisions.values() if revision.freeze == wanted]
    if not known:
        return None
    newest = max(known, key=lambda revision: revision.number)
    return replace(newest.artifact, checkpoint=model.spec.checkpoint.uri)


def _evaluating(artifact: Artifact, job: Freezing) -> Freezing:
    """What a Job's state means that only evaluates: the artifact is there, whatever it says."""
    if job.evaluated:
        return _frozen(artifact, job.evaluated)
    reason = "Evaluating" if job.reason == "Freezing" else job.reason
    frozen = _frozen(artifact, None)
    return replace(
        frozen,
        evaluating=Standing(job.status, reason, job.message),
        apply=job.apply,
        delete=job.delete,
        requeue_after=job.requeue_after,
    )


def _follow(asked: Asked, observed: Observed, job: Object) -> Freezing:
    """What a Job's state means. What failed before stays the news while it is tried again."""
    past, pods = Setbacks.of(job), jobs.pods_of(job, observed.pods)
    if last := jobs.failure(pods):
        past = replace(past, message=last.message)
    return _after(past, _state(asked, observed, job, pods))


def _state(asked: Asked, observed: Observed, job: Object, pods: Sequence[Object]) -> Freezing:
    if is_terminating(job):
        return _unknown("the freeze Job is being replaced")
    if jobs.ended(job, "Complete"):
        return _completed(asked.model, job, jobs.result(pods))
    if jobs.ended(job, "Failed"):
        return _failed(asked, observed, job, pods)
    if job["spec"].get("suspend"):
        return _waiting(asked, observed, job)
    if fault := jobs.trouble(job, pods, observed.now):
        return Freezing("False", fault.reason, fault.message, requeue_after=POLL)
    return _unknown(asked.doing)


def _completed(model: Model, job: Object, result: FreezeResult | None) -> Freezing:
    wanted = evaluation.wanted(model)
    found = result.evaluation if result else None
    if result is None or (wanted and (found is None or found.key != wanted.key)):
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
    return _frozen(artifact, found)


def _failed(asked: Asked, observed: Observed, job: Object, pods: Sequence[Object]) -> Freezing:
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
    made = asked.job(past)
    again = _unknown("the freeze Job is made again", apply=(made,), delete=(reference(job),))
    return _after(past, again)


def _waiting(asked: Asked, observed: Observed, job: Object) -> Freezing:
    """A suspended Job starts when one may run and nobody comes before it."""
    ahead = observed.freezes_ahead
    if observed.running_freezes < asked.settings.max_concurrent_freezes and ahead == 0:
        return _unknown("the freeze Job starts", apply=(_started(asked.model, job),))
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


def _frozen(artifact: Artifact, evaluated: Evaluated | None) -> Freezing:
    size = f", {_size(artifact.artifact_bytes)}" if artifact.artifact_bytes else ""
    known = ", known already" if artifact.reused else ""
    message = f"{artifact.checkpoint} is frozen as {artifact.name}{size}{known}"
    return Freezing("True", "Frozen", message, artifact, evaluated)


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
