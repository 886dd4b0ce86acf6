"""A tiny model of Deployments, pods and one Service, for what rollouts do over time."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from frazil_operator.rollout import Fleet, Scene, Traffic, proves, step


@dataclass
class Pod:
    ready: bool = False
    terminating: bool = False


@dataclass
class ToyFleet:
    """What the API server would hold; ``writes``, ``control`` and ``warm`` are the actors.

    Revisions are numbered by their place in the alphabet. ``target`` is what the spec asks for.
    """

    size: int
    surge: int = 1
    target: str | None = None
    traffic: Traffic | None = None
    wanted: dict[str, int] = field(default_factory=dict)
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)  # revisions whose pods never become ready
    unfit: set[str] = field(default_factory=set)  # broken by their own fault: trials reject them
    rejected: set[str] = field(default_factory=set)

    @classmethod
    def serving(cls, revision: str, size: int, surge: int = 1) -> ToyFleet:
        """A model whose revision has been rolled out."""
        pods = {revision: [Pod(ready=True) for _ in range(size)]}
        traffic = Traffic(revision)
        return cls(size, surge, revision, traffic, {revision: size}, pods, {revision})

    def scene(self) -> Scene:
        known = {*self.wanted, *self.pods, *self.proven}
        fleets = {name: self._fleet(name) for name in sorted(known)}
        target = None if self.target in self.rejected else self.target
        return Scene(self.size, self.surge, target, self.traffic, fleets)

    def writes(self) -> Iterator[None]:
        """One look by the operator, write by write: it may die between any two of them."""
        self._judge()
        scene = self.scene()
        todo = step(scene)
        if scene.target is not None and proves(scene, todo):
            self.proven.add(scene.target)
        yield
        self.traffic = todo.traffic
        yield
        for name, replicas in todo.replicas.items():
            self.wanted[name] = replicas
            yield

    def operate(self) -> None:
        for _ in self.writes():
            pass

    def control(self) -> None:
        """The Deployments' controller: new pods warm up, surplus ones go, unready ones first."""
        for name, wanted in self.wanted.items():
            pods = self.pods.setdefault(name, [])
            alive = sorted((p for p in pods if not p.terminating), key=lambda pod: pod.ready)
            pods.extend(Pod() for _ in range(wanted - len(alive)))
            for pod in alive[: max(0, len(alive) - wanted)]:
                pod.terminating, pod.ready = True, False

    def warm(self) -> None:
        """One pod of each revision becomes ready; what terminates is gone."""
        for name, pods in self.pods.items():
            pods[:] = [pod for pod in pods if not pod.terminating]
            cold = [pod for pod in pods if not pod.ready and name not in self.broken | self.unfit]
            if cold:
                cold[0].ready = True

    def crash(self, revision: str, pods: int) -> None:
        """So many of a revision's ready pods are so no more, for now; all of an unfit one's."""
        ready = [pod for pod in self.pods.get(revision, []) if pod.ready]
        for pod in ready if revision in self.unfit else ready[:pods]:
            pod.ready = False

    def settle(self, rounds: int = 100) -> None:
        """Until nothing moves any more."""
        for _ in range(rounds):
            before = (self.traffic, dict(self.wanted), self.counts())
            self.operate()
            self.control()
            self.warm()
            if before == (self.traffic, dict(self.wanted), self.counts()):
                return
        raise AssertionError(f"does not come to rest: {self}")

    def counts(self) -> dict[str, tuple[int, int]]:
        """Pods and ready pods of each revision that has any."""
        fleets = self.scene().fleets
        return {name: (f.pods, f.ready) for name, f in sorted(fleets.items()) if f.pods}

    def in_service(self) -> dict[str, int]:
        """Ready pods behind the Service, by revision."""
        if self.traffic is None:
            return {}
        fleets = self.scene().fleets
        names = fleets if self.traffic.wide else [self.traffic.stable]
        return {n: fleets[n].ready for n in names if n in fleets and fleets[n].ready}

    def copy(self) -> ToyFleet:
        return deepcopy(self)

    def _judge(self) -> None:
        """The target is on trial while another has the traffic, and rejected if it is unfit."""
        selected = self.traffic.stable if self.traffic else self.target
        if self.target != selected:
            self.proven.discard(self.target or "")
        pods = self.pods.get(self.target or "", [])
        if self.target in self.unfit - self.proven and any(not pod.ready for pod in pods):
            self.rejected.add(self.target)

    def _fleet(self, name: str) -> Fleet:
        pods = self.pods.get(name, [])
        ready = sum(pod.ready and not pod.terminating for pod in pods)
        wanted, proven, number = self.wanted.get(name, 0), name in self.proven, ord(name)
        return Fleet(wanted, len(pods), ready, ready, proven, number)
