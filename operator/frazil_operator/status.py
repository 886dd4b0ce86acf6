"""Pure: the status as a projection of what is there, its conditions as ordered checks.

``Available``: something serves now. ``Ready``: True when what the spec asks for serves; Unknown
while something is under way; False only when a person must act, and then ``Stalled`` is True.
"""

from __future__ import annotations

from typing import Any, Final

from frazil_operator import names, scaling
from frazil_operator.api_status import (
    AccuracyStatus,
    CandidateStatus,
    RejectedStatus,
    StableStatus,
    Status,
)
from frazil_operator.conditions import Check, conditions, told
from frazil_operator.observed import Observed
from frazil_operator.plan import evaluation
from frazil_operator.plan.decision import Decision
from frazil_operator.plan.inputs import misfit
from frazil_runtime.contract import Exit


def project(decision: Decision, observed: Observed) -> dict[str, Any]:
    """The whole status. Wiping the old one loses nothing but the times of transitions."""
    ready = _ready(decision)
    checks = {
        "Accepted": Check("True", "Accepted", "the spec is valid"),
        "Frozen": Check(*_frozen(decision)),
        "Available": _available(decision),
        "Progressing": _progressing(ready),
        "Ready": ready,
        "ScalingActive": scaling.active(decision.model.spec, observed.scaling),
    }
    if observed.refused:
        message = f"the API server refuses a child: {observed.refused}"
        checks |= _verdict(Check("False", "ApplyRefused", message))
    model = decision.model
    said = Status(
        observed_generation=model.generation,
        replicas=decision.pods,
        pods=f"{_in_service(decision)}/{decision.scene.size}",
        selector=f"{names.SERVING}={model.name}",
        url=names.url(model.namespace, model.name),
        stable=_stable(decision),
        candidate=_candidate(decision),
        rejected=_rejected(decision),
        scaling=scaling.told(decision.model.spec, decision.scene.size, observed),
        accuracy=_accuracy(decision),
    )
    return _dump(said) | {"conditions": conditions(checks, observed)}


def refused(observed: Observed, reason: str, message: str, *, final: bool = True) -> dict[str, Any]:
    """The status of a model that nothing can be done about; what serves goes on serving."""
    body = observed.model
    checks = _verdict(Check("False" if final else "Unknown", reason, message))
    before = body.get("status") or {}
    kept = {c["type"]: Check(c["status"], c["reason"], c["message"]) for c in told(body)}
    kept.pop("Stalled", None)
    generation = {"observedGeneration": body["metadata"].get("generation", 0)}
    return dict(before) | generation | {"conditions": conditions(kept | checks, observed)}


def _verdict(check: Check) -> dict[str, Check]:
    """What a model is told that is not accepted as it is."""
    return {"Accepted": check, "Ready": check, "Progressing": _progressing(check)}


def _ready(decision: Decision) -> Check:
    """The first that applies. Its reason is the STATUS that `kubectl get` shows."""
    for check in _CHECKS:
        if (found := check(decision)) is not None:
            return found
    ready, size = _target_ready(decision), decision.scene.size
    short = f"; {decision.fault.message}" if decision.fault and ready < size else ""
    return Check("True", "Ready", f"{ready}/{size} pods of {_what(decision)} serve{short}")


def _not_frozen(decision: Decision) -> Check | None:
    frozen = decision.freezing
    if frozen.status == "True":
        return None
    return Check(frozen.status, frozen.reason, frozen.message)


def _is_rejected(decision: Decision) -> Check | None:
    target = decision.target
    if target is None or target.verdict is None:
        return None
    advice = f"change the spec, or annotate the model with {names.RETRY} to try it again"
    if target.verdict.reason == Exit.INVALID_ARTIFACT.reason:  # what is stored will not get better
        advice = (
            f"annotate the model with both {names.REFREEZE} and {names.RETRY}=<anything new>, to "
            "freeze the checkpoint again and then to try it again"
        )
    message = f"revision {target.name} was rejected: {target.verdict.message}; {advice}"
    return Check("False", target.verdict.reason, message)


def _is_held(decision: Decision) -> Check | None:
    """A revision whose evaluation lets it not through."""
    return _falls_short(decision) if decision.held else None


def _falls_short(decision: Decision) -> Check | None:
    """What the evaluation has against the target, whether it serves or not."""
    found, target = decision.shortfall, decision.target
    if found is None or target is None:
        return None
    if not found.final:
        return Check(found.status, found.reason, found.message)
    bound = "raise the maximum" if found.reason == "AboveMaximumError" else "lower the minimum"
    done = "is not rolled out" if decision.held else "serves on"
    message = f"{found.message}: revision {target.name} {done}; train further, or {bound}"
    return Check(found.status, found.reason, message)


def _is_stalled(decision: Decision) -> Check | None:
    """A fault is news for Ready while the target is not what serves, or nothing serves."""
    if decision.fault is None or (_alone(decision) and _proven(decision)):
        return None
    return Check("False", decision.fault.reason, decision.fault.message)


def _misfits(decision: Decision) -> Check | None:
    """A spec that says something of an input that there is not. What serves is not touched."""
    said = misfit(decision.model, decision.target.artifact.inputs) if decision.target else ""
    return Check("False", Exit.INVALID_REQUEST.reason, said) if said else None


def _is_rolling(decision: Decision) -> Check | None:
    if decision.settled or (_alone(decision) and _proven(decision)):
        return None
    traffic, size = decision.scene.traffic, decision.scene.size
    ready = _target_ready(decision)
    message = f"{ready}/{size} pods of {_what(decision)} are ready"
    if traffic is not None and traffic.stable != decision.scene.target:
        message += f"; revision {traffic.stable} serves meanwhile"
    return Check("Unknown", "RollingOut", message)


def _is_parked(decision: Decision) -> Check | None:
    if decision.scene.size > 0:
        return None
    return Check("True", "Parked", "spec.replicas is 0: nothing serves until it is raised")


_CHECKS: Final = (
    _not_frozen,
    _is_rejected,
    _is_held,
    _is_stalled,
    _misfits,
    _is_rolling,
    _falls_short,
    _is_parked,
)


def _available(decision: Decision) -> Check:
    serving = _in_service(decision)
    if serving:
        return Check("True", "Serving", f"clients reach {_pods(serving)} at {_url(decision)}")
    if decision.scene.size == 0:
        return Check("False", "Parked", "spec.replicas is 0")
    return Check("False", "NoReadyPods", "no pod is ready to serve")


def _progressing(ready: Check) -> Check:
    """Whether something is under way: exactly while nobody knows how it ends."""
    return Check("True" if ready.status == "Unknown" else "False", ready.reason, ready.message)


def _frozen(decision: Decision) -> tuple[str, str, str]:
    frozen = decision.freezing
    return frozen.status, frozen.reason, frozen.message


def _alone(decision: Decision) -> bool:
    """Whether the target alone is selected, something of it serves, and nobody else answers."""
    scene = decision.scene
    if scene.traffic is None or scene.traffic.wide or scene.traffic.stable != scene.target:
        return False
    others = (fleet for name, fleet in scene.fleets.items() if name != scene.target)
    return _target_ready(decision) > 0 and all(fleet.answering == 0 for fleet in others)


def _proven(decision: Decision) -> bool:
    """Size counts only until it was reached once: scaling never flips Ready."""
    return decision.target is not None and not decision.target.trial_since


def _target_ready(decision: Decision) -> int:
    target = decision.scene.target
    return decision.scene.fleet(target).ready if target else 0


def _in_service(decision: Decision) -> int:
    scene = decision.scene
    if scene.traffic is None:
        return 0
    if scene.traffic.wide:
        return sum(fleet.ready for fleet in scene.fleets.values())
    return scene.fleet(scene.traffic.stable).ready


def _stable(decision: Decision) -> StableStatus | None:
    traffic = decision.scene.traffic
    revision = decision.revisions.get(traffic.stable) if traffic else None
    if revision is None or (revision.trial_since and not decision.settled):
        return None
    return StableStatus(
        revision=revision.name,
        artifact=revision.artifact.name,
        checkpoint=revision.checkpoint,
        replicas=decision.scene.fleet(revision.name).ready,
    )


def _candidate(decision: Decision) -> CandidateStatus | None:
    target, size = decision.target, decision.scene.size
    if target is None or target.verdict or decision.held:
        return None
    if not target.trial_since or decision.settled:
        return None
    return CandidateStatus(
        revision=target.name,
        artifact=target.artifact.name,
        step=f"{_target_ready(decision)}/{size}",
        since=target.trial_since,
    )


def _rejected(decision: Decision) -> RejectedStatus | None:
    target, found = decision.target, decision.shortfall
    if target is None:
        return None
    if target.verdict is not None:
        said = target.verdict.reason, target.verdict.message
    elif decision.held and found is not None and found.final:
        said = found.reason, found.message
    else:
        return None
    return RejectedStatus(revision=target.name, reason=said[0], message=said[1])


def _accuracy(decision: Decision) -> AccuracyStatus | None:
    """What the revision that has the traffic was measured to be worth, as the spec asks now."""
    stable = _stable(decision)
    if stable is None:
        return None
    asked = evaluation.wanted(decision.model)
    found = evaluation.known(stable.artifact, asked, decision.revisions.values())
    if found is None:
        return None
    return AccuracyStatus(value=round(found.value, 4), samples=found.samples, source="Evaluation")


def _what(decision: Decision) -> str:
    target = decision.target
    return f"revision {target.name} ({target.checkpoint})" if target else "no revision"


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _url(decision: Decision) -> str:
    return names.url(decision.model.namespace, decision.model.name)


def _dump(status: Status) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
