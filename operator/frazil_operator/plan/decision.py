"""Pure: all that was found out and decided about one model, before it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from frazil_operator import names, rollout
from frazil_operator.api import Model
from frazil_operator.observed import Observed
from frazil_operator.plan import evaluation, network
from frazil_operator.plan.children import Children
from frazil_operator.plan.evaluation import Standing
from frazil_operator.plan.faults import serving_fault, store_fault
from frazil_operator.plan.freeze import freeze_hash
from frazil_operator.plan.freezing import Freezing, freezing
from frazil_operator.plan.pods import Blame, Fault
from frazil_operator.plan.serving import pod_template
from frazil_operator.plan.size import last_size, size
from frazil_operator.revision import Revision, Verdict, revision_name
from frazil_operator.rollout import Fleet, Scene, Step, Traffic
from frazil_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a model stands and what comes next.

    ``target`` is the revision that the spec asks for, None until it is frozen, and may have been
    rejected. ``scene`` is what is there, ``step`` what shall be. ``settled`` says that the target
    alone serves and is complete. ``fault`` is why pods are missing; ``revisions`` are all there
    are, the target among them. ``shortfall`` is what its evaluation has against the target, and
    ``held`` says that it is not rolled out for that.
    """

    model: Model
    freezing: Freezing
    target: Revision | None
    revisions: Mapping[str, Revision]
    scene: Scene
    step: Step
    settled: bool
    fault: Fault | None
    pods: int
    shortfall: Standing | None = None
    held: bool = False


def decide(model: Model, children: Children, observed: Observed, settings: Settings) -> Decision:
    """Look at everything once, and decide."""
    frozen = _freezing(model, children, observed, settings)
    traffic = network.traffic(children.service)
    now = observed.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    target = _target(model, frozen, children, settings)
    fleets = children.fleets()
    shortfall = frozen.evaluating or evaluation.shortfall(model, frozen.evaluated)
    held = target is not None and _held(target.name, shortfall, traffic, fleets)
    fault = None
    if target is not None:
        if _begins(target, traffic, children) and not (held and target.name in children.revisions):
            target = target.on_trial(now)
        fault = _fault(model, children, target.name, observed)
        target = _judged(model, target, fault)
    pods = size(model.spec, observed.scaling, last_size(model.name, children.own))
    goes = target is not None and target.verdict is None and not held
    scene = Scene(
        size=pods,
        surge=rollout.surge(model.spec.rollout.max_surge, pods),
        target=target.name if target is not None and goes else None,
        traffic=traffic,
        fleets=fleets,
    )
    step = rollout.step(scene)
    if target is not None and rollout.proves(scene, step):
        target = replace(target, trial_since="")
    if fault is None and traffic is not None and traffic.wide and _waits(scene):
        fault = _fault(model, children, traffic.stable, observed)  # what the target waits for
    known = dict(children.revisions) | ({target.name: target} if target else {})
    return Decision(
        model=model,
        freezing=frozen,
        target=target,
        revisions=known,
        scene=scene,
        step=step,
        settled=rollout.settled(scene),
        fault=fault,
        pods=children.size(),
        shortfall=shortfall,
        held=held,
    )


def _freezing(model: Model, children: Children, observed: Observed, settings: Settings) -> Freezing:
    """Where freezing stands: nowhere while the store cannot be reached that takes the artifact."""
    frozen = freezing(model, observed, children.jobs, children.revisions, settings)
    if not observed.store_error or (frozen.artifact and not frozen.evaluating):
        return frozen
    fault = store_fault(observed.store_error)
    if frozen.artifact:
        return replace(frozen, evaluating=Standing("False", fault.reason, fault.message))
    return replace(frozen, status="False", reason=fault.reason, message=fault.message)


def _target(
    model: Model, frozen: Freezing, children: Children, settings: Settings
) -> Revision | None:
    """The revision that spec and artifact ask for: the one there is, or a new one."""
    if frozen.artifact is None:
        return None
    name = revision_name(model, frozen.artifact)
    there = children.revisions.get(name)
    if there is not None:
        retry = model.annotations.get(names.RETRY, "")
        uri, worth = frozen.artifact.checkpoint, frozen.evaluated or there.evaluated
        last = replace(there, freeze=freeze_hash(model), checkpoint=uri, evaluated=worth)
        return last.forgiven(retry)
    number = 1 + max((r.number for r in children.revisions.values()), default=0)
    template = pod_template(model, name, number, frozen.artifact, settings)
    uri = frozen.artifact.checkpoint
    made = Revision(name, number, frozen.artifact, freeze_hash(model), uri, template)
    return replace(made, evaluated=frozen.evaluated)


def _held(
    target: str, shortfall: Standing | None, traffic: Traffic | None, fleets: Mapping[str, Fleet]
) -> bool:
    """Whether the target's evaluation keeps it from being rolled out. What has the traffic keeps
    it; and while nobody knows what it is worth, a rollout that has begun goes on."""
    if shortfall is None or (traffic is not None and traffic.stable == target):
        return False
    return shortfall.final or target not in fleets or not fleets[target].wanted


def _begins(target: Revision, traffic: Traffic | None, children: Children) -> bool:
    """Whether the target has yet to take over. A Service that somebody deleted says nothing
    against the revision that it selected."""
    if traffic is None:
        return target.name not in children.revisions
    return traffic.stable != target.name


def _judged(model: Model, target: Revision, fault: Fault | None) -> Revision:
    """The target, rejected if it is on trial and failed by its own fault."""
    on_trial = bool(target.trial_since) and target.verdict is None
    if not on_trial or fault is None or fault.blame is not Blame.MODEL:
        return target
    retry = model.annotations.get(names.RETRY, "")
    return replace(target, verdict=Verdict(fault.reason, fault.message, retry))


def _waits(scene: Scene) -> bool:
    """Whether the target has to wait until the stable revision has grown back."""
    return scene.target is not None and scene.fleet(scene.target).pods == 0


def _fault(model: Model, children: Children, revision: str, observed: Observed) -> Fault | None:
    found = serving_fault(
        children.deployments.get(revision),
        children.pods.get(revision, ()),
        model.spec.rollout.progress_deadline_seconds,
        observed.now,
    )
    if observed.store_error and found is not None and found.blame is Blame.CLUSTER:
        return store_fault(observed.store_error)
    return found
