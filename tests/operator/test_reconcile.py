"""One look at one model: what is gathered, what is written, what is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from frazil_operator import names
from frazil_operator.cluster import ApiError, Cluster, NamespaceEndsError, TakenError
from frazil_operator.drift import stamped
from frazil_operator.gateway import GatewayError
from frazil_operator.observed import Event, Key, Object, Observed, Plan, Ref
from frazil_operator.reconcile import Reconciler
from frazil_operator.settings import Settings
from frazil_operator.store import Store

KEY = Key("vision", "digits")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings("frazil-system", "runtime:1", "freezer:1")
MODEL = {
    "apiVersion": names.API_VERSION,
    "kind": names.KIND,
    "metadata": {"namespace": "vision", "name": "digits", "uid": "uid-1", "resourceVersion": "1"},
    "status": {"observedGeneration": -1},
}
NOTHING = Plan(status=MODEL["status"])
CONFLICT = Plan(status={"reason": "NameConflict"}, requeue_after=5)


def child(kind: str = "Service", owner: str = "uid-1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "namespace": "vision",
            "name": "digits",
            "labels": {names.MODEL: "digits"},
            "ownerReferences": [{"kind": names.KIND, "uid": owner, "controller": True}],
        },
        "spec": spec,
    }


def live(body: Object) -> dict[str, Any]:
    return stored(stamped(body), version=5)


def stored(body: Object, version: int) -> dict[str, Any]:
    place = {"uid": "uid-live", "resourceVersion": str(version)}
    return {**body, "metadata": {**body["metadata"], **place}}


@dataclass
class Recorder:
    """A cluster that holds ``there``, does what it is told and writes it down."""

    there: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    did: list[Any] = field(default_factory=list)
    failure: ApiError | None = None

    async def list(self, resource: Any, namespace: str, selector: str) -> tuple[Any, str]:
        self.did.append(f"list {resource.plural} {selector}")
        return self.pods, "9"

    async def get(self, resource: Any, namespace: str, name: str) -> Object | None:
        found = (b for b in self.there if b["kind"] == resource.kind)
        return next((b for b in found if b["metadata"]["name"] == name), None)

    async def apply(self, body: Object, *, force: bool) -> Object:
        if self.failure:
            raise self.failure
        self.did.append(f"apply {body['kind']}{' with force' if force else ''}")
        return stored(body, 100 + len(self.did))

    async def delete(self, ref: Ref) -> None:
        self.did.append(f"delete {ref.kind}")

    async def patch_status(self, model: Object, patch: Object) -> Object:
        self.did.append(patch)
        metadata = {**model["metadata"], "resourceVersion": str(100 + len(self.did))}
        return {**model, "metadata": metadata, "status": patch}

    async def create(self, resource: Any, body: Object) -> Object:
        self.did.append(f"{body['type']} {body['reason']}: {body['message']}")
        return body


@dataclass
class Scene:
    """A store, a cluster and a plan for one look."""

    cluster: Recorder = field(default_factory=Recorder)
    store: Store = field(default_factory=Store)
    looks: list[Observed] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    wanted: Plan = NOTHING
    wanted_with_foreign: Plan = CONFLICT
    wanted_when_refused: Plan = NOTHING
    taken: ApiError | None = None
    store_error: str = ""

    def plan(self, observed: Observed, _: Settings) -> Plan:
        self.looks.append(observed)
        if observed.refused or observed.store_error:
            return self.wanted_when_refused
        return self.wanted_with_foreign if observed.foreign else self.wanted

    async def make_accounts(self, namespace: str) -> None:
        if self.taken:
            raise self.taken
        if self.store_error:
            raise GatewayError(self.store_error)
        self.accounts.append(namespace)

    async def make_keys(self, model: Object) -> None:
        self.keys.append(model["metadata"]["name"])

    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.store,
            cast("Cluster", self.cluster),
            self.plan,
            SETTINGS,
            accounts=self.make_accounts,
            keys=self.make_keys,
            clock=lambda: NOW,
        )

    async def look(self) -> float | None:
        return await self.reconciler()(KEY)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.store.observe(MODEL)
    return scene


def wants(*children: dict[str, Any], **more: Any) -> Plan:
    return Plan(apply=children, status=more.pop("status", MODEL["status"]), **more)


async def test_a_model_that_is_gone_is_left_to_the_garbage_collector() -> None:
    scene = Scene()
    assert await scene.look() is None
    assert scene.looks == []


async def test_what_is_as_desired_costs_no_write(scene: Scene) -> None:
    scene.store.observe(live(child(type="ClusterIP")))
    scene.wanted = wants(child(type="ClusterIP"))
    assert await scene.look() is None
    assert scene.cluster.did == []


async def test_a_new_child_is_applied_without_force_and_seen_again_at_once(scene: Scene) -> None:
    scene.wanted = wants(child())
    assert await scene.look() == 0.0
    assert scene.cluster.did == ["apply Service"]
    assert await scene.look() is None  # the answer is known without any watch


async def test_a_child_that_somebody_changed_is_put_back_with_force(scene: Scene) -> None:
    scene.store.observe(live(child(type="NodePort")))
    scene.wanted = wants(child(type="ClusterIP"))
    assert await scene.look() == 0.0
    assert scene.cluster.did == ["apply Service with force"]


async def test_an_apply_that_changes_nothing_is_not_followed_by_another_look(scene: Scene) -> None:
    """Else a field that the API server writes in its own way would keep the operator busy."""

    class Unmoved(Recorder):
        async def apply(self, body: Object, *, force: bool) -> Object:
            return live(child(type="ClusterIp"))

    scene.cluster = Unmoved()
    scene.store.observe(live(child(type="ClusterIp")))
    scene.wanted = wants(child(type="ClusterIP"), requeue_after=7)
    assert await scene.look() == 7


async def test_a_foreign_object_of_that_name_is_reported_and_not_touched(scene: Scene) -> None:
    foreign = live(child(owner="somebody"))
    scene.cluster.there = [foreign]
    scene.wanted = wants(child(), child(kind="Job"))
    assert await scene.look() == 5
    assert scene.looks[-1].foreign == (foreign,)
    assert scene.cluster.did == [{"observedGeneration": None, "reason": "NameConflict"}]


async def test_a_foreign_object_is_not_touched_even_if_the_plan_insists(scene: Scene) -> None:
    scene.cluster.there = [live(child(owner="somebody"))]
    scene.wanted = scene.wanted_with_foreign = wants(child())
    await scene.look()
    assert scene.cluster.did == []


async def test_an_own_child_that_no_watch_has_told_of_is_found_by_its_name(scene: Scene) -> None:
    scene.cluster.there = [live(child())]
    scene.wanted = wants(child())
    await scene.look()
    assert scene.cluster.did == []
    assert len(scene.looks) == 1


async def test_pods_are_listed_where_there_may_be_some(scene: Scene) -> None:
    scene.store.observe(live(child(kind="Deployment", replicas=1)))
    scene.cluster.pods = [{"kind": "Pod", "metadata": {"name": "p"}}]
    await scene.look()
    assert scene.cluster.did == ["list pods frazil.dev/model=digits"]
    assert scene.looks[0].pods == ({"kind": "Pod", "metadata": {"name": "p"}},)


async def test_pods_are_not_listed_while_the_freeze_waits_for_its_turn(scene: Scene) -> None:
    job = live(child(kind="Job", suspend=True))
    job["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    scene.store.observe(job)
    await scene.look()
    assert scene.cluster.did == []


async def test_the_store_gets_its_accounts_before_the_first_job(scene: Scene) -> None:
    scene.wanted = wants(child(kind="Job"))
    await scene.look()
    assert scene.accounts == ["vision"]


async def test_accounts_are_not_made_again_for_what_is_there(scene: Scene) -> None:
    job = live(child(kind="Job"))
    job["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    scene.store.observe(job)
    scene.wanted = wants(child(kind="Job"))
    await scene.look()
    assert scene.accounts == []


async def test_while_the_store_is_away_all_but_the_job_is_done_and_it_is_told(
    scene: Scene,
) -> None:
    scene.store_error = "the store does not answer"
    scene.wanted = wants(child(kind="Job"), child(), child(kind="Deployment"))
    unreachable = Event("Warning", "FreezeFailed", "StoreUnreachable: later")
    scene.wanted_when_refused = wants(status={"reason": "StoreUnreachable"}, events=(unreachable,))
    with pytest.raises(GatewayError, match="does not answer"):
        await scene.look()
    assert scene.looks[-1].store_error == "the store does not answer"
    assert scene.cluster.did == [
        "apply Service",
        "apply Deployment",
        {"observedGeneration": None, "reason": "StoreUnreachable"},
        "Warning FreezeFailed: StoreUnreachable: later",
    ]


@pytest.mark.parametrize(
    ("secret", "made"),
    [
        pytest.param("frazil-store-read", ["vision"], id="the store's Secret was deleted"),
        pytest.param("of-the-user", [], id="a Secret of the user is missing"),
    ],
)
async def test_a_pod_that_lacks_a_secret(scene: Scene, secret: str, made: list[str]) -> None:
    message = f'secret "{secret}" not found'
    waiting = {"reason": "CreateContainerConfigError", "message": message}
    status = {"containerStatuses": [{"state": {"waiting": waiting}}]}
    scene.cluster.pods = [{"kind": "Pod", "metadata": {"name": "p"}, "status": status}]
    scene.store.observe(live(child(kind="Deployment")))
    await scene.look()
    assert scene.accounts == made


async def test_children_first_then_deletions_then_status_then_the_story(scene: Scene) -> None:
    scene.wanted = Plan(
        apply=(child(), child(kind="Deployment")),
        delete=(Ref("batch/v1", "Job", "vision", "old"),),
        status={"observedGeneration": 1},
        events=(Event("Normal", "Frozen", "The checkpoint is frozen."),),
    )
    await scene.look()
    assert scene.cluster.did == [
        "apply Service",
        "apply Deployment",
        "delete Job",
        {"observedGeneration": 1},
        "Normal Frozen: The checkpoint is frozen.",
    ]


async def test_a_refused_child_is_told_in_the_status_and_tried_again(scene: Scene) -> None:
    scene.cluster.failure = ApiError(403, "exceeded quota: jobs")
    scene.wanted = wants(child(kind="Job"), status={"reason": "Freezing"})
    scene.wanted_when_refused = wants(status={"reason": "ApplyRefused"})
    with pytest.raises(ApiError, match="exceeded quota"):
        await scene.look()
    assert scene.looks[-1].refused == "exceeded quota: jobs"
    assert scene.cluster.did == [{"observedGeneration": None, "reason": "ApplyRefused"}]


async def test_a_secret_of_somebody_else_is_told_and_no_job_is_made(scene: Scene) -> None:
    scene.taken = TakenError(409, "the Secret frazil-store-read is somebody else's")
    scene.wanted = wants(child(kind="Job"), status={"reason": "Freezing"})
    scene.wanted_when_refused = wants(status={"reason": "ApplyRefused"})
    with pytest.raises(TakenError):
        await scene.look()
    assert scene.looks[-1].refused == "the Secret frazil-store-read is somebody else's"
    assert scene.cluster.did == [{"observedGeneration": None, "reason": "ApplyRefused"}]


async def test_a_namespace_that_ends_takes_the_model_with_it(scene: Scene) -> None:
    scene.cluster.failure = NamespaceEndsError(403, "unable to create new content")
    scene.wanted = wants(child())
    assert await scene.look() is None
    assert scene.cluster.did == []


async def test_a_conflict_is_nobodys_news(scene: Scene) -> None:
    scene.cluster.failure = ApiError(409, "another object bears the name by now")
    scene.wanted = wants(child())
    with pytest.raises(ApiError):
        await scene.look()
    assert scene.cluster.did == []


async def test_a_new_revision_has_the_models_keys_before_it(scene: Scene) -> None:
    scene.wanted = wants(child("ControllerRevision"))
    await scene.look()
    assert scene.keys == ["digits"]


async def test_no_keys_are_written_for_what_is_there_already(scene: Scene) -> None:
    scene.store.observe(live(child("ControllerRevision")))
    scene.wanted = wants(child("ControllerRevision"), child("Service"))
    await scene.look()
    assert scene.keys == []
