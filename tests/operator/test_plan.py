"""The story of a model, from its first apply on, played out on a tiny cluster."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import timedelta

import pytest
from fakes.toy import Toy, model

from frazil_operator import names
from frazil_operator.plan import plan
from frazil_operator.settings import Settings
from frazil_runtime import contract


@pytest.fixture
def toy() -> Toy:
    """A model whose first revision serves with three pods."""
    toy = Toy(model(replicas=3))
    toy.settle()
    toy.events.clear()
    return toy


def stable(toy: Toy) -> str:
    return str(toy.model["status"]["stable"]["revision"])


def candidate(toy: Toy) -> str:
    """Step until the next revision has its first pod; returns its name."""
    known = set(toy.fleet())
    for _ in range(20):
        toy.look()
        for job in toy.kind("Job"):
            if not job["spec"]["suspend"] and "status" not in job:
                toy.freeze()
        toy.control()
        if new := set(toy.fleet()) - known:
            return new.pop()
    raise AssertionError("no candidate")


def test_from_apply_to_ready() -> None:
    toy = Toy()
    seen = []
    while toy.step():
        seen.append(toy.conditions()["Ready"])
    assert seen == ["Unknown Freezing", "Unknown Freezing", "Unknown RollingOut", "True Ready"]
    assert toy.conditions() == {
        "Accepted": "True Accepted",
        "Frozen": "True Frozen",
        "Available": "True Serving",
        "Progressing": "False Ready",
        "Ready": "True Ready",
        "ScalingActive": "True FollowsLoad",
    }
    assert toy.story() == [
        "FreezeStarted",
        "Frozen",
        "RolloutStarted",
        "RolloutCompleted",
        "SingleReplica",
    ]
    assert sorted(kind for kind, _ in toy.objects) == [
        "ConfigMap",
        "ControllerRevision",
        "Deployment",
        "Job",
        "PodDisruptionBudget",
        "Service",
        "Service",
    ]
    status = toy.model["status"]
    assert status["url"] == "http://digits.demo.svc"
    assert status["selector"] == "frazil.dev/serving=digits"
    assert status["observedGeneration"] == 1
    assert status["stable"]["checkpoint"] == "s3://models/digits-1"


def test_nothing_is_written_while_nothing_happens(toy: Toy) -> None:
    assert [toy.look() for _ in range(100)] == [0] * 100
    assert toy.plan().requeue_after is None
    assert not toy.events


def test_the_status_is_only_a_projection(toy: Toy) -> None:
    before = toy.model["status"]
    toy.model["status"] = {"observedGeneration": -1}
    toy.look()
    assert without_times(toy.model["status"]) == without_times(before)


def test_a_status_wiped_in_a_rollout_changes_nothing(toy: Toy) -> None:
    toy.checkpoint(2)
    other = toy.copy()
    toy.settle()
    for _ in range(20):
        other.step()
        other.model["status"] = {"observedGeneration": -1}
    other.settle()
    assert without_times(other.model["status"]) == without_times(toy.model["status"])


def without_times(status: object) -> object:
    text = json.loads(json.dumps(status))
    for condition in text["conditions"]:
        del condition["lastTransitionTime"]
    return text


def test_a_new_checkpoint_takes_over_pod_by_pod(toy: Toy) -> None:
    old = stable(toy)
    toy.checkpoint(2)
    seen = []
    while toy.step():
        assert toy.conditions()["Available"] == "True Serving"
        seen.append(tuple(toy.fleet().get(name, 0) for name in (old, *(set(toy.fleet()) - {old}))))
    assert toy.conditions()["Ready"] == "True Ready"
    assert stable(toy) != old
    assert toy.fleet() == {stable(toy): 3}
    assert max(sum(pods) for pods in seen) == 4
    assert toy.story() == ["FreezeStarted", "Frozen", "RolloutStarted", "RolloutCompleted"]


def test_an_operator_that_dies_after_any_write_changes_no_outcome(toy: Toy) -> None:
    toy.checkpoint(2)
    whole = toy.copy()
    whole.settle()
    for deaths in range(1, 30):
        other = toy.copy()
        for _ in range(deaths):
            todo = other.plan()
            for desired in todo.apply:  # the first write of each look, then death
                if other._apply(desired):
                    break
            other.control()
            other.warm()
        other.settle()
        assert other.fleet() == whole.fleet()
        assert other.objects.keys() == whole.objects.keys()


def test_upgrading_the_operator_restarts_nothing(toy: Toy) -> None:
    toy.settings = Settings(namespace="frazil", runtime_image="runtime:2", freezer_image="f:2")
    assert toy.look() == 0


def test_a_revision_of_an_operator_that_knew_no_policy_stays_as_it_was_made(toy: Toy) -> None:
    (revision,), (deployment,) = toy.kind("ControllerRevision"), toy.kind("Deployment")
    template = revision["data"]["template"]
    (container,) = template["spec"]["containers"]
    for part in (container["env"], container["ports"], container["volumeMounts"]):
        part[:] = [item for item in part if not of_a_policy(item)]
    template["spec"]["volumes"] = [v for v in template["spec"]["volumes"] if not of_a_policy(v)]
    deployment["spec"]["template"] = template
    before = [copy.deepcopy(revision["data"]), copy.deepcopy(deployment["spec"])]
    toy.change(queue={"order": "Fifo"})
    toy.settle()
    (revision,), (deployment,) = toy.kind("ControllerRevision"), toy.kind("Deployment")
    assert [revision["data"], deployment["spec"]] == before


def of_a_policy(item: dict[str, object]) -> bool:
    return item["name"] in ("policy", "grpc", contract.ENV_POLICY_FILE)


def test_the_next_revision_comes_with_the_new_runtime(toy: Toy) -> None:
    toy.settings = Settings(namespace="frazil", runtime_image="runtime:2", freezer_image="f:2")
    toy.checkpoint(2)
    toy.settle()
    assert images(toy) == {"runtime:1", "runtime:2"}


def test_the_runtime_is_upgraded_when_asked(toy: Toy) -> None:
    old = stable(toy)
    toy.settings = Settings(namespace="frazil", runtime_image="runtime:2", freezer_image="f:2")
    toy.change({names.UPGRADE_RUNTIME: "now"})
    toy.settle()
    assert stable(toy) != old
    assert images(toy) == {"runtime:1", "runtime:2"}
    assert "FreezeStarted" not in toy.story()


def images(toy: Toy) -> set[str]:
    specs = (d["spec"]["template"]["spec"] for d in toy.kind("Deployment"))
    return {spec["containers"][0]["image"] for spec in specs}


def test_other_pods_need_no_other_artifact(toy: Toy) -> None:
    old = stable(toy)
    toy.change(serving={"drainSeconds": 7})
    toy.settle()
    assert stable(toy) != old
    assert toy.story() == ["RolloutStarted", "RolloutCompleted"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"replicas": 5}, id="size"),
        pytest.param({"service": {"annotations": {"a": "b"}}}, id="service"),
        pytest.param({"rollout": {"maxSurge": 2}}, id="rollout"),
        pytest.param({"freeze": {"timeoutSeconds": 60}}, id="how to freeze"),
        pytest.param({"queue": {"order": "Fifo"}}, id="queue"),
        pytest.param({"cache": {"outputs": {"mode": "Off"}}}, id="cache"),
        pytest.param({"batching": {"maxBatchSize": 32}}, id="batching as it is without a word"),
        pytest.param({"serving": {"drainSeconds": 5}}, id="a default written out"),
    ],
)
def test_what_makes_no_new_revision(toy: Toy, change: dict[str, object]) -> None:
    old = stable(toy)
    toy.change(**change)
    toy.settle()
    assert stable(toy) == old
    assert toy.conditions()["Ready"] == "True Ready"


def test_going_back_is_a_cancel(toy: Toy) -> None:
    old = stable(toy)
    toy.checkpoint(2)
    new = candidate(toy)
    toy.checkpoint(1)
    toy.settle()
    assert toy.fleet() == {old: 3}
    assert toy.conditions()["Ready"] == "True Ready"
    assert "rejected" not in toy.model["status"]
    toy.checkpoint(2)
    toy.settle()
    assert toy.fleet() == {new: 3}


def test_a_rollback_is_a_rollout_without_freezing(toy: Toy) -> None:
    old = stable(toy)
    toy.checkpoint(2)
    toy.settle()
    toy.events.clear()
    toy.checkpoint(1)
    toy.settle()
    assert stable(toy) == old
    assert "FreezeStarted" not in toy.story()


def test_an_overwritten_checkpoint_is_frozen_again_when_asked(toy: Toy) -> None:
    old = stable(toy)
    toy.change({names.REFREEZE: "1"})
    toy.settle()
    assert toy.story() == ["FreezeStarted", "Frozen", "RolloutStarted", "RolloutCompleted"]
    assert stable(toy) != old


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(names.REFREEZE, id="refreeze"),
        pytest.param(names.UPGRADE_RUNTIME, id="upgrade-runtime"),
        pytest.param(names.RETRY, id="retry"),
    ],
)
@pytest.mark.parametrize("settled", [True, False])
def test_taking_an_annotation_away_asks_for_nothing(toy: Toy, wish: str, settled: bool) -> None:
    toy.change({wish: "1"})
    toy.look()
    if settled:
        toy.settle()
    done = toy.copy()
    done.settle()
    del toy.model["metadata"]["annotations"][wish]
    toy.settle()
    assert stable(toy) == stable(done)
    assert toy.story() == done.story()
    toy.change({wish: "1"})
    toy.settle()
    assert toy.story() == done.story()


def test_an_annotation_taken_away_holds_for_another_checkpoint_too(toy: Toy) -> None:
    toy.change({names.REFREEZE: "1"})
    toy.settle()
    again = stable(toy)
    del toy.model["metadata"]["annotations"][names.REFREEZE]
    toy.checkpoint(2)
    toy.settle()
    toy.checkpoint(1)
    toy.settle()
    assert stable(toy) == again


def test_the_same_artifact_under_another_uri_is_told_by_the_new_one(toy: Toy) -> None:
    artifact, data = toy.model["status"]["stable"]["artifact"], toy.kind("ControllerRevision")
    toy.checkpoint(2)
    toy.look()
    toy.look()
    toy.freeze(artifact)
    toy.settle()
    assert toy.model["status"]["stable"]["checkpoint"] == "s3://models/digits-2"
    for kind in ("Ready", "Frozen"):
        assert "s3://models/digits-2" in toy.message(kind)
    assert [r["data"] for r in toy.kind("ControllerRevision")] == [r["data"] for r in data]
    toy.checkpoint(3)
    candidate(toy)
    assert toy.model["status"]["stable"]["checkpoint"] == "s3://models/digits-2"


@pytest.mark.parametrize(
    ("replicas", "told"),
    [
        pytest.param(1, 1, id="one pod, which a drain takes away"),
        pytest.param(2, 0, id="two pods"),
        pytest.param(0, 0, id="none at all"),
    ],
)
def test_what_a_drain_does_is_told_once(replicas: int, told: int) -> None:
    toy = Toy(model(replicas=replicas))
    toy.settle()
    for number in (2, 1):  # another revision, and back
        toy.checkpoint(number)
        toy.settle()
    assert toy.story().count("SingleReplica") == told


def test_frozen_again_to_the_same_artifact_changes_nothing(toy: Toy) -> None:
    old, artifact = stable(toy), toy.model["status"]["stable"]["artifact"]
    toy.change({names.REFREEZE: "1"})
    toy.look()
    toy.look()
    toy.freeze(artifact)
    toy.settle()
    assert stable(toy) == old
    assert toy.look() == 0


def test_the_newest_wish_wins_and_what_it_supersedes_leaves(toy: Toy) -> None:
    toy.checkpoint(2)
    second = candidate(toy)
    toy.checkpoint(3)
    toy.settle()
    assert second not in toy.fleet()
    assert toy.model["status"]["stable"]["checkpoint"] == "s3://models/digits-3"


def test_former_revisions_are_kept_as_many_as_asked(toy: Toy) -> None:
    toy.change(rollout={"revisionHistory": 1})
    for number in range(2, 6):
        toy.checkpoint(number)
        toy.settle()
    checkpoints = {r["data"]["artifact"]["checkpoint"] for r in toy.kind("ControllerRevision")}
    assert checkpoints == {"s3://models/digits-4", "s3://models/digits-5"}
    assert len(toy.kind("Deployment")) == 2
    assert len(toy.kind("Job")) == 1
    assert [r["revision"] for r in toy.kind("ControllerRevision")] == [4, 5]


def test_parked(toy: Toy) -> None:
    toy.change(replicas=0)
    toy.settle()
    assert toy.fleet() == {}
    assert toy.conditions()["Ready"] == "True Parked"
    assert toy.conditions()["Available"] == "False Parked"
    assert toy.story() == ["Parked"]
    toy.change(replicas=1)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_scaling_never_flips_ready(toy: Toy) -> None:
    toy.change(replicas=5)
    toy.look()
    toy.control()
    toy.look()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.message("Ready").startswith("3/5 pods")


def test_a_model_that_is_being_deleted_is_left_alone(toy: Toy) -> None:
    toy.model["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    toy.checkpoint(2)
    assert toy.look() == 0


@pytest.mark.parametrize("kind", ["Deployment", "ControllerRevision"])
def test_a_label_that_somebody_took_away_is_put_back(toy: Toy, kind: str) -> None:
    before = json.dumps(toy.kind(kind), sort_keys=True)
    for body in toy.kind(kind):
        del body["metadata"]["labels"][names.REVISION]
    toy.settle()
    assert json.dumps(toy.kind(kind), sort_keys=True) == before
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_pod_that_was_taken_out_of_the_service_counts_no_more(toy: Toy) -> None:
    name = stable(toy)
    taken = toy.of(name)[0]
    del taken["metadata"]["labels"][names.REVISION]
    toy.settle()
    assert taken in toy.pods
    assert toy.fleet() == {name: 3}
    assert toy.model["status"]["replicas"] == 3


def test_a_foreign_object_is_not_touched() -> None:
    toy = Toy()
    service = {"kind": "Service", "metadata": {"name": "digits", "namespace": "demo"}}
    toy.foreign = [service]
    toy.look()
    assert toy.objects == {}
    assert toy.conditions() == {
        "Accepted": "False NameConflict",
        "Ready": "False NameConflict",
        "Progressing": "False NameConflict",
        "Stalled": "True NameConflict",
    }
    assert "a Service digits" in toy.message("Ready")
    toy.foreign = []
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.story()[:2] == ["Stalled", "FreezeStarted"]


def test_what_served_all_along_has_recovered_when_it_is_ready_again(toy: Toy) -> None:
    toy.foreign = [{"kind": "Service", "metadata": {"name": "digits-pods", "namespace": "demo"}}]
    toy.look()
    toy.foreign = []
    toy.settle()
    assert toy.story() == ["Stalled", "Recovered"]


def test_the_remains_of_a_former_model_go_first(toy: Toy) -> None:
    toy.model = model()
    toy.model["metadata"]["uid"] = "model-2"
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown WaitingForDeletion"
    toy.objects.clear()
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_pods_of_a_former_model_of_that_name_are_not_counted(toy: Toy) -> None:
    name, left = stable(toy), toy.pods
    after = Toy(model(replicas=3), now=toy.now + timedelta(minutes=1))
    after.model["metadata"]["creationTimestamp"] = after.now.isoformat()
    after.pods = left
    for _ in range(2):
        after.look()
    after.freeze()
    for _ in range(2):
        after.look()
    assert ("Deployment", f"digits-{name}") in after.objects
    assert after.conditions()["Available"] == "False NoReadyPods"
    assert after.conditions()["Ready"] == "Unknown RollingOut"
    assert after.model["status"]["replicas"] == 0


def test_a_child_that_the_api_server_refuses_is_told_and_what_serves_goes_on(toy: Toy) -> None:
    refused = dataclasses.replace(toy.observed(), refused="exceeded quota: jobs")
    status = plan(refused, toy.settings).status
    said = {c["type"]: f"{c['status']} {c['reason']}" for c in status["conditions"]}
    assert said["Ready"] == "False ApplyRefused"
    assert said["Accepted"] == "False ApplyRefused"
    assert said["Available"] == "True Serving"


def test_beside_what_was_refused_the_status_is_what_is_there(toy: Toy) -> None:
    toy.change(replicas=5)
    for pod in toy.of(stable(toy)):
        toy.pods.remove(pod)
    refused = dataclasses.replace(toy.observed(), refused="exceeded quota: jobs")
    status = plan(refused, toy.settings).status
    said = {c["type"]: f"{c['status']} {c['reason']}" for c in status["conditions"]}
    assert said["Available"] == "False NoReadyPods"
    assert said["Frozen"] == "True Frozen"
    assert status["replicas"] == 0
    assert status["stable"]["replicas"] == 0
    assert status["observedGeneration"] == 2


def test_a_store_that_cannot_be_reached_is_told_and_what_serves_goes_on(toy: Toy) -> None:
    toy.checkpoint(2)
    toy.store_error = "the store does not answer"
    toy.tell(toy.plan())
    assert toy.conditions() == {
        "Accepted": "True Accepted",
        "Frozen": "False StoreUnreachable",
        "Available": "True Serving",
        "Progressing": "False StoreUnreachable",
        "Ready": "False StoreUnreachable",
        "ScalingActive": "False FixedSize",
        "Stalled": "True StoreUnreachable",
    }
    assert "the store does not answer" in toy.message("Ready")
    assert toy.model["status"]["observedGeneration"] == 2
    assert toy.story() == ["FreezeFailed"]
    toy.store_error = ""
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.story()[:2] == ["FreezeFailed", "FreezeStarted"]


def test_a_pod_that_lacks_its_secret_names_the_store_while_that_is_away(toy: Toy) -> None:
    toy.change(serving={"drainSeconds": 7})
    name = candidate(toy)
    message = 'secret "frazil-store-read" not found'
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": message}}
    container = {"name": "runtime", "state": waiting}
    toy.break_pods(name, when=lambda _: True, containerStatuses=[container])
    toy.now += timedelta(seconds=30)
    toy.look()
    assert toy.conditions()["Ready"] == "False CreateContainerConfigError"
    toy.store_error = "the store does not answer"
    toy.tell(toy.plan())
    assert toy.conditions()["Ready"] == "False StoreUnreachable"
    assert toy.conditions()["Frozen"] == "True Frozen"


def test_a_spec_that_cannot_be_read_leaves_serving_what_serves(toy: Toy) -> None:
    fleet = toy.fleet()
    toy.change(checkpoint={"uri": "s3://models/digits-2", "feeds": {"x": None}})
    assert toy.look() == 1
    assert toy.conditions()["Accepted"] == "False InvalidSpec"
    assert toy.conditions()["Available"] == "True Serving"
    assert "spec.checkpoint.feeds.x" in toy.message("Ready")
    assert toy.fleet() == fleet
