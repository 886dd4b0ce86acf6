"""Pure: the next step from the stable revision to the one that the spec asks for.

The Service selects the stable revision alone (narrow), or all serving pods of the model (wide)
while a candidate takes part: kube-proxy does the split, and nothing that serves depends on the
operator being alive. Each step is decided from what is there, so that an operator that dies at any
instant, and another that begins anew, come to the same end.

==========  ==============================  =============================================
Service     who else has pods               step
==========  ==============================  =============================================
narrow      a superseded revision           it goes to zero; the target may warm up
narrow      the target, not ready           it grows by maxSurge
narrow      the target, some ready          widen
wide        the target                      pods move over; all there: narrow to the target
wide        a superseded or rejected one    stable grows back, narrow to it
==========  ==============================  =============================================

Who narrows to the target ends its trial: what has the traffic alone is never rejected. A revision
that never was proven has it only where there was nothing to lose: the first one, or the one that a
parked model asked for. Should it prove unfit, the newest proven one becomes the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Fleet:
    """The pods of one revision: those its Deployment asks for, those that exist (the terminating
    ones too), those that are ready to serve and not terminating. ``answering`` are those that may
    still answer: ready, terminating or not. ``proven``: it is not on trial, for its rollout has
    completed. ``number`` is the revision's, the newest has the highest; 0 where it is unknown, and
    with it how to make another pod.
    """

    wanted: int = 0
    pods: int = 0
    ready: int = 0
    answering: int = 0
    proven: bool = False
    number: int = 0

    @property
    def staying(self) -> int:
        """The ready pods that stay: of the others one was asked to go, and is about to."""
        return min(self.ready, self.wanted)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whom the Service selects: the stable revision alone, or while ``wide`` every serving pod."""

    stable: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What one step is decided from. ``target`` is None while nothing else than the stable
    revision can be served: the new one is being frozen, or was rejected.
    """

    size: int
    surge: int
    target: str | None
    traffic: Traffic | None
    fleets: Mapping[str, Fleet]

    def fleet(self, revision: str) -> Fleet:
        """The pods of a revision; none where it has no Deployment."""
        return self.fleets.get(revision, Fleet())


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to select and how many pods each revision shall have; None: there is nothing yet."""

    traffic: Traffic | None
    replicas: Mapping[str, int]


def surge(max_surge: int | str, size: int) -> int:
    """How many pods beyond ``size`` may exist meanwhile; at least 1, or nothing would move."""
    text = str(max_surge)
    pods = math.ceil(int(text[:-1]) * size / 100) if text.endswith("%") else int(text)
    return max(1, pods)


def step(scene: Scene) -> Step:
    """The next step; the same again once nothing is left to do."""
    scene = _falling_back(scene)
    traffic = _select(scene)
    if traffic is None:
        return Step(None, dict.fromkeys(scene.fleets, 0))
    if scene.target in (None, traffic.stable):
        return _settle(scene, traffic)
    return _move(scene, traffic, scene.target)


def proves(scene: Scene, step: Step) -> bool:
    """Whether the target's trial ends with this step: it has the traffic alone from now on, at its
    full size. Not only when nobody else answers any more, or it could be rejected with the traffic.
    """
    if scene.target is None or step.traffic != Traffic(scene.target):
        return False
    return 0 < scene.size <= scene.fleet(scene.target).staying


def refuge(scene: Scene) -> str | None:
    """The newest proven revision, of those whose pods can be made."""
    proven = {name: f.number for name, f in scene.fleets.items() if f.proven and f.number}
    return max(proven, key=proven.__getitem__, default=None)


def settled(scene: Scene) -> bool:
    """Whether the target alone serves, at its full size, and nobody else answers any more."""
    if scene.target is None or scene.traffic != Traffic(scene.target):
        return False
    others = (fleet for name, fleet in scene.fleets.items() if name != scene.target)
    return scene.fleet(scene.target).ready >= scene.size and all(f.answering == 0 for f in others)


def _falling_back(scene: Scene) -> Scene:
    """The scene with the newest proven revision as its target, where the spec has none that can be
    served, and the one selected never was proven."""
    if scene.target is not None or scene.traffic is None:
        return scene
    if scene.fleet(scene.traffic.stable).proven:
        return scene
    return replace(scene, target=refuge(scene))


def _select(scene: Scene) -> Traffic | None:
    """Whom the Service selects from now on."""
    if scene.traffic is None:
        return _first(scene)
    stable, wide, target = scene.traffic.stable, scene.traffic.wide, scene.target
    if target in (None, stable):
        return _return(scene, stable, _others(scene, stable))
    if _protects_nobody(scene, stable) or (wide and _moved(scene, target)):
        return Traffic(target)
    if superseded := _others(scene, stable, target):
        return _return(scene, stable, superseded)
    return Traffic(stable, wide=wide or scene.fleet(target).ready > 0)


def _first(scene: Scene) -> Traffic | None:
    """Nobody is selected yet; or somebody deleted the Service, and then what serves is stable, or
    what would if it had a pod."""
    serving = {name: f.ready for name, f in scene.fleets.items() if f.proven and f.ready}
    first = max(serving, key=serving.__getitem__, default=refuge(scene) or scene.target)
    return Traffic(first) if first is not None else None


def _return(scene: Scene, stable: str, others: tuple[str, ...]) -> Traffic:
    """Back to one revision alone, as soon as it has the capacity for that.

    That one is the stable revision; if nothing of it is ready any more, then what serves is what
    is stable, or a wish that could mend it would wait for ever.
    """
    wide = scene.traffic is not None and scene.traffic.wide
    if not wide or not others or scene.fleet(stable).staying >= scene.size:
        return Traffic(stable)
    best = max(others, key=lambda name: scene.fleet(name).ready)
    if scene.fleet(stable).ready == 0 and scene.target not in (None, stable):
        return Traffic(best if scene.fleet(best).ready else stable)
    return Traffic(stable, wide=True)


def _settle(scene: Scene, traffic: Traffic) -> Step:
    """Only the stable revision shall serve; while others take part they leave as it grows back."""
    kept = scene.size
    if scene.target is None and not scene.fleet(traffic.stable).proven:
        kept = min(kept, scene.fleet(traffic.stable).ready)  # superseded, or rejected
    replicas = dict.fromkeys(scene.fleets, 0) | {traffic.stable: kept}
    if _wide(scene, traffic):
        missing = max(0, scene.size - scene.fleet(traffic.stable).staying)
        replicas |= _shrink(scene, _others(scene, traffic.stable), missing)
    return Step(traffic, replicas)


def _move(scene: Scene, traffic: Traffic, target: str) -> Step:
    """Pods move from the stable revision to the target."""
    stable = traffic.stable
    superseded = _others(scene, stable, target)
    if _wide(scene, traffic) and superseded:
        missing = max(0, scene.size - scene.fleet(stable).staying)
        leaving = _shrink(scene, (*superseded, target), missing)
        return Step(traffic, dict.fromkeys(scene.fleets, 0) | leaving | {stable: scene.size})
    there = scene.fleet(target)
    taken_over = there.staying if _wide(scene, traffic) else 0
    kept = max(0, scene.size - taken_over)
    if not scene.fleet(stable).proven:
        kept = min(kept, scene.fleet(stable).ready)
    grown = max(there.wanted, scene.size + scene.surge - kept)
    moved = {stable: kept, target: min(scene.size, grown)}
    return Step(traffic, dict.fromkeys(scene.fleets, 0) | moved)


def _wide(scene: Scene, traffic: Traffic) -> bool:
    """Whether pods of others count: only while they are and stay in the Service."""
    return traffic.wide and scene.traffic is not None and scene.traffic.wide


def _moved(scene: Scene, target: str) -> bool:
    return scene.fleet(target).staying >= scene.size


def _protects_nobody(scene: Scene, stable: str) -> bool:
    """Parked, or a first revision that never served and does not serve now."""
    fleet = scene.fleet(stable)
    return scene.size == 0 or (not fleet.proven and fleet.ready == 0)


def _others(scene: Scene, *but: str) -> tuple[str, ...]:
    """The other revisions that have pods, or soon will."""
    return tuple(
        name
        for name, fleet in sorted(scene.fleets.items())
        if name not in but and (fleet.pods or fleet.wanted)
    )


def _shrink(scene: Scene, revisions: tuple[str, ...], pods: int) -> dict[str, int]:
    """Let these revisions keep at most ``pods`` together, and none grow."""
    kept = {}
    for name in revisions:
        kept[name] = min(scene.fleet(name).wanted, pods)
        pods -= min(scene.fleet(name).ready, kept[name])
    return kept
