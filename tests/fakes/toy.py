"""A tiny model of a cluster for the pure core: objects in a dict, and controllers by hand."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from frazil_operator import names
from frazil_operator.observed import Event, Measured, Observed, Plan, Scaling
from frazil_operator.plan import plan
from frazil_operator.settings import Settings
from frazil_runtime.contract import ENV_FREEZE_REQUEST, FreezeResult
from frazil_runtime.contract.evaluation import Evaluated, Evaluation

SETTINGS = Settings(namespace="frazil", runtime_image="runtime:1", freezer_image="freezer:1")
Body = dict[str, Any]


def model(**spec: Any) -> Body:
    """A ModelDeployment as the API server hands it out."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": "digits",
            "namespace": "demo",
            "uid": "model-1",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"checkpoint": {"uri": "s3://models/digits-1"}} | spec,
        "status": {"observedGeneration": -1},
    }


@dataclass
class Toy:
    """What the API server holds, and what an operator that looks at it has done."""

    model: Body = field(default_factory=model)
    settings: Settings = SETTINGS
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    objects: dict[tuple[str, str], Body] = field(default_factory=dict)
    pods: list[Body] = field(default_factory=list)
    foreign: list[Body] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    running_freezes: int = 0
    freezes_ahead: int = 0
    store_error: str = ""
    scaling: Scaling | None = None  # what the load calls for
    isolated: bool = False  # by somebody's NetworkPolicy
    measured: Measured | None = None  # what the accuracy has come to
    inputs: dict[str, str] = field(default_factory=dict)  # that every freeze finds
    value: float = 0.9  # that every evaluation comes to
    numbers: Any = field(default_factory=itertools.count)

    # What the user does.

    def change(self, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        """Edit the model."""
        self.model["spec"] |= spec
        if spec:
            self.model["metadata"]["generation"] += 1
        self.model["metadata"].setdefault("annotations", {}).update(annotations or {})

    def checkpoint(self, number: int) -> None:
        self.change(checkpoint={"uri": f"s3://models/digits-{number}"})

    # What the operator does.

    def observed(self) -> Observed:
        return Observed(
            model=self.model,
            now=self.now,
            children=tuple(self.objects.values()),
            foreign=tuple(self.foreign),
            pods=tuple(self.pods),
            running_freezes=self.running_freezes,
            freezes_ahead=self.freezes_ahead,
            store_error=self.store_error,
            scaling=self.scaling,
            measured=self.measured,
            isolated=self.isolated,
        )

    def plan(self) -> Plan:
        return plan(self.observed(), self.settings)

    def look(self) -> int:
        """One reconciliation; returns how many writes it took."""
        todo = self.plan()
        writes = sum(map(self._apply, todo.apply)) + len(todo.delete)
        for ref in todo.delete:
            self.objects.pop((ref.kind, ref.name))
        return writes + self.tell(todo)

    def tell(self, todo: Plan) -> bool:
        """Status and events: all that is left of a look where something is in the way."""
        changed = bool(self.model["status"] != todo.status)
        self.model["status"] = json.loads(json.dumps(todo.status))
        self.events += todo.events
        return changed

    # What the rest of the cluster does.

    def freeze(self, artifact: str = "", **failure: Any) -> None:
        """The running freeze Job ends: with this artifact, or as ``fail`` says."""
        (job,) = (j for j in self.kind("Job") if not j["spec"]["suspend"] and "status" not in j)
        asked = request_of(job)
        name = artifact or asked["artifact"] or f"sha256-{job['metadata']['name'][-10:]}"
        said = FreezeResult(artifact=name, inputs=self.inputs, evaluation=self.evaluated(asked))
        kind = "Failed" if failure else "Complete"
        job["status"] = {"conditions": [self.condition(kind, "True", **failure)]}
        if not failure:
            end = {"exitCode": 0, "message": said.to_json()}
            self.job_pod(job, {"name": "publish", "state": {"terminated": end}})

    def evaluated(self, asked: Body) -> Evaluated | None:
        """What the evaluation that a Job was asked for comes to."""
        if not asked["evaluation"]:
            return None
        key = Evaluation(**asked["evaluation"]).key
        return Evaluated(key, self.value, 450, {"right": 450 * self.value, "scored": 450})

    def job_pod(self, job: Body, *containers: Body) -> Body:
        pod = self._pod(job["spec"]["template"]["metadata"]["labels"])
        owner = {"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}
        pod["metadata"]["ownerReferences"] = [owner]
        pod["status"] |= {"initContainerStatuses": list(containers)}
        return pod

    def control(self) -> None:
        """The Deployments' controller, the kubelet: surplus pods go, unready ones first."""
        for deployment in self.kind("Deployment"):
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            alive = sorted(self.of(labels[names.REVISION]), key=is_ready)
            for pod in alive[: max(0, len(alive) - deployment["spec"]["replicas"])]:
                self.pods.remove(pod)
            for _ in range(deployment["spec"]["replicas"] - len(alive)):
                self._pod(labels)

    def warm(self) -> None:
        """All pods become ready that nothing holds back."""
        for pod in self.pods:
            held_back = "containerStatuses" in pod["status"]
            if names.SERVING in pod["metadata"]["labels"] and not held_back and not is_ready(pod):
                pod["status"]["conditions"] = [self.condition("Ready", "True")]

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(60):
            if not self.step():
                return
        raise AssertionError(f"does not come to rest: {self.conditions()}")

    def step(self) -> int:
        """The operator looks, the cluster follows; returns how much has changed."""
        changes = self.look()
        pods = copy.deepcopy(self.pods)
        for job in self.kind("Job"):
            if not job["spec"]["suspend"] and "status" not in job:
                self.freeze()
                changes += 1
        self.control()
        self.warm()
        self.now += timedelta(seconds=1)
        return changes + (pods != self.pods)

    # What a test looks at.

    def kind(self, kind: str) -> list[Body]:
        return [body for (of, _), body in self.objects.items() if of == kind]

    def of(self, revision: str) -> list[Body]:
        return [p for p in self.pods if p["metadata"]["labels"].get(names.REVISION) == revision]

    def fleet(self) -> dict[str, int]:
        """Pods by revision."""
        found = {names.revision_of(r["metadata"]["name"]) for r in self.kind("ControllerRevision")}
        return {name: len(self.of(name)) for name in sorted(found) if self.of(name)}

    def conditions(self) -> dict[str, str]:
        """Type → "status reason"."""
        return {
            c["type"]: f"{c['status']} {c['reason']}" for c in self.model["status"]["conditions"]
        }

    def message(self, kind: str) -> str:
        conditions = self.model["status"]["conditions"]
        return str(next(c["message"] for c in conditions if c["type"] == kind))

    def story(self) -> list[str]:
        return [event.reason for event in self.events]

    def break_pods(self, revision: str, *, when: Callable[[Body], bool], **status: Any) -> None:
        """Give these pods of a revision another status."""
        for pod in filter(when, self.of(revision)):
            pod["status"] = {"phase": "Running"} | status

    def condition(self, kind: str, status: str, reason: str = "", message: str = "") -> Body:
        time = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"type": kind, "status": status, "lastTransitionTime": time}
        return condition | {"reason": reason, "message": message}

    def _apply(self, desired: Mapping[str, Any]) -> bool:
        """Server-side apply with one manager: what it no longer says goes, status stays."""
        body = json.loads(json.dumps(desired))
        key = (body["kind"], body["metadata"]["name"])
        live = self.objects.get(key)
        stamp = {"uid": f"uid-{key[1]}", "creationTimestamp": self.now.isoformat()}
        kept = live["metadata"] if live else stamp
        body["metadata"] = stamp | {k: kept[k] for k in stamp} | body["metadata"]
        if live and "status" in live:
            body["status"] = live["status"]
        self.objects[key] = body
        return live != body

    def _pod(self, labels: Mapping[str, str]) -> Body:
        metadata = {
            "name": f"pod-{next(self.numbers)}",
            "namespace": "demo",
            "labels": dict(labels),
            "creationTimestamp": self.now.isoformat(),
        }
        pod: Body = {"kind": "Pod", "metadata": metadata, "status": {"phase": "Running"}}
        self.pods.append(pod)
        return pod

    def copy(self) -> Toy:
        return copy.deepcopy(self)


def request_of(job: Body) -> Body:
    """What the freezer is asked for in a Job."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    said = {variable["name"]: variable.get("value") for variable in container["env"]}
    return dict(json.loads(said[ENV_FREEZE_REQUEST]))


def is_ready(pod: Body) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
