"""Pure: what the cluster should hold for one model, and what its status says."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from frazil_operator import names, rollout, status
from frazil_operator.api import Model
from frazil_operator.observed import Object, Observed, Plan, Ref
from frazil_operator.plan import network, policy, serving
from frazil_operator.plan.children import Children
from frazil_operator.plan.conflict import conflict
from frazil_operator.plan.decision import Decision, decide
from frazil_operator.plan.events import story
from frazil_operator.plan.freezing import POLL, reference
from frazil_operator.revision import Revision, expired, remembering
from frazil_operator.settings import Settings

LOOK_AGAIN = 5.0  # seconds between looks at pods that the cluster cannot run


def plan(observed: Observed, settings: Settings) -> Plan:
    """What to do about one model, from one gathering of all that concerns it."""
    before = observed.model.get("status") or {}
    if "deletionTimestamp" in observed.model["metadata"]:
        return Plan(status=before)
    try:
        model = Model.parse(observed.model)
    except ValidationError as error:
        return refusal(observed, "InvalidSpec", _readable(error))
    if found := conflict(model, observed):
        return refusal(observed, found.reason, found.message, final=found.final)
    children = Children.sort(model, observed)
    model = remembering(model, children.revisions.values())
    decision = decide(model, children, observed, settings)
    after = status.project(decision, observed)
    return Plan(
        apply=tuple(_apply(decision, children, observed, settings)),
        delete=(*decision.freezing.delete, *_delete(decision, children, observed)),
        status=after,
        events=story(before, after, first=_is_first(decision)),
        requeue_after=_requeue(decision),
    )


def refusal(observed: Observed, reason: str, message: str, *, final: bool = True) -> Plan:
    """Nothing is touched, and the status says why: ``Accepted`` is False, or Unknown where the
    cause goes away by itself."""
    before = observed.model.get("status") or {}
    after = status.refused(observed, reason, message, final=final)
    return Plan(status=after, events=story(before, after), requeue_after=LOOK_AGAIN)


def _apply(
    decision: Decision, children: Children, observed: Observed, settings: Settings
) -> Iterator[Object]:
    """The children that shall be. Memory first, then what pods are told, then who is selected, then
    how many serve."""
    model, step, size = decision.model, decision.step, decision.scene.size
    gone = {revision.name for revision in _expired(decision)}
    for revision in decision.revisions.values():
        if revision.name not in gone:
            yield serving.controller_revision(model, revision)
    if observed.measured is not None:
        yield policy.memory(model, observed.measured)
    yield policy.config_map(model, children.policy, observed.now, observed.measured)
    yield network.service(model, step.traffic)
    yield network.headless(model, step.traffic)
    yield network.disruption_budget(model)
    if observed.isolated:
        yield network.load_policy(model, settings)
    for name, replicas in step.replicas.items():
        if name in decision.revisions and name not in gone:
            yield serving.deployment(model, decision.revisions[name], replicas, size)
    yield from decision.freezing.apply


def _delete(decision: Decision, children: Children, observed: Observed) -> Iterator[Ref]:
    """What nothing needs any more: revisions beyond the history, pods without a revision, and a
    NetworkPolicy that would be the only one."""
    if not observed.isolated:
        yield from (reference(b) for b in children.own if b["kind"] == "NetworkPolicy")
    model = decision.model
    for revision in _expired(decision):
        if revision.name in children.deployments:
            yield reference(children.deployments[revision.name])
        name = names.revision(model.name, revision.name)
        yield Ref("apps/v1", "ControllerRevision", model.namespace, name)
    for name, deployment in children.deployments.items():
        orphan = name not in decision.revisions and not decision.step.replicas.get(name)
        if orphan:
            yield reference(deployment)


def _expired(decision: Decision) -> tuple[Revision, ...]:
    """The revisions beyond the history; never one that serves, is wanted, or still has pods, nor
    the one to fall back on while what is selected is on trial."""
    scene, traffic = decision.scene, decision.step.traffic
    selected = traffic.stable if traffic else ""
    refuge = "" if scene.fleet(selected).proven else rollout.refuge(scene)
    kept = {name for name, fleet in scene.fleets.items() if fleet.pods or fleet.wanted}
    kept |= {selected, refuge or "", decision.target.name if decision.target else ""}
    return expired(decision.revisions, kept, decision.model.spec.rollout.revision_history)


def _is_first(decision: Decision) -> bool:
    """Whether no other revision than the stable one has ever completed a rollout."""
    stable = decision.step.traffic.stable if decision.step.traffic else None
    others = (r for r in decision.revisions.values() if r.name != stable)
    return all(revision.trial_since for revision in others)


def _requeue(decision: Decision) -> float | None:
    """When to look again: pods are not watched, so not before everything rests."""
    fleets = decision.scene.fleets
    stable = decision.scene.traffic.stable if decision.scene.traffic else None
    leaving = any(fleet.pods for name, fleet in fleets.items() if name != stable)
    if decision.fault is not None and decision.scene.target is not None:
        return LOOK_AGAIN
    if leaving or (decision.scene.target is not None and not decision.settled):
        return POLL
    return decision.freezing.requeue_after


def _readable(error: ValidationError) -> str:
    """Which fields of the spec cannot be read, and why."""
    found = (
        f"spec.{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
    )
    return "; ".join(found)
