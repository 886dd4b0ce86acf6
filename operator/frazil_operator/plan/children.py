"""Pure: the observed objects, sorted by what they are to the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.objects import controller, labels
from frazil_operator.observed import Object, Observed
from frazil_operator.plan.pods import answers, created, is_finished, is_ready, is_terminating
from frazil_operator.revision import Revision
from frazil_operator.rollout import Fleet


@dataclass(frozen=True, slots=True)
class Children:
    """The model's own children: ``own`` are all but the pods. Revisions, Deployments and serving
    pods go by revision name."""

    own: tuple[Object, ...]
    jobs: tuple[Object, ...]
    revisions: Mapping[str, Revision]
    deployments: Mapping[str, Object]
    service: Object | None
    policy: Object | None
    pods: Mapping[str, tuple[Object, ...]]

    @classmethod
    def sort(cls, model: Model, observed: Observed) -> Children:
        """What of the observed objects the model controls."""
        own = tuple(b for b in observed.children if controller(b).get("uid") == model.uid)

        def kind(which: str) -> Iterable[Object]:
            return (body for body in own if body["kind"] == which)

        def named(which: str, name: str) -> Object | None:
            return next((body for body in kind(which) if body["metadata"]["name"] == name), None)

        return cls(
            own=own,
            jobs=tuple(kind("Job")),
            revisions={r.name: r for r in map(Revision.parse, kind("ControllerRevision"))},
            deployments={names.revision_of(d["metadata"]["name"]): d for d in kind("Deployment")},
            service=named("Service", names.service(model.name)),
            policy=named("ConfigMap", names.policy(model.name)),
            pods=_by_revision(model, observed),
        )

    def fleets(self) -> dict[str, Fleet]:
        """The pods of each revision, counted."""
        known = {*self.revisions, *self.deployments, *self.pods}
        return {name: self._fleet(name) for name in sorted(known)}

    def size(self) -> int:
        """Serving pods of all revisions that are not on their way out."""
        return sum(not is_terminating(pod) for pods in self.pods.values() for pod in pods)

    def _fleet(self, name: str) -> Fleet:
        deployment, pods = self.deployments.get(name), self.pods.get(name, ())
        revision = self.revisions.get(name)
        return Fleet(
            wanted=deployment["spec"].get("replicas", 1) if deployment else 0,
            pods=len(pods),
            ready=sum(map(is_ready, pods)),
            answering=sum(map(answers, pods)),
            proven=revision is None or not revision.trial_since,
            number=revision.number if revision else 0,
        )


def _by_revision(model: Model, observed: Observed) -> dict[str, tuple[Object, ...]]:
    """The serving pods; those that came to their end (evicted ones) count no more, nor those whose
    labels somebody took away, as one does to have a pod out of the Service and look at it."""
    found: dict[str, tuple[Object, ...]] = {}
    for pod in observed.pods:
        revision = labels(pod).get(names.REVISION)
        own = labels(pod).get(names.SERVING) == model.name and not _is_former(pod, observed.model)
        if revision and own and not is_finished(pod):
            found[revision] = (*found.get(revision, ()), pod)
    return found


def _is_former(pod: Object, model: Object) -> bool:
    """Whether a pod is left from a deleted model of the same name: it is older than this one.

    Its owner cannot tell: that is a ReplicaSet, which the operator does not look at.
    """
    return created(pod) < created(model)
