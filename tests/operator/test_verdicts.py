"""What happens to a revision whose pods do not come up: rejected, or tried for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.toy import Toy, model

from frazil_operator import names
from frazil_operator.api_status import Status
from frazil_runtime.contract import Exit

PodStatus = dict[str, Any]


@pytest.fixture
def toy() -> Toy:
    """Two pods of one revision serve, and the first pod of the next one has been made."""
    toy = Toy(model(replicas=2))
    toy.settle()
    toy.events.clear()
    toy.checkpoint(2)
    for _ in range(2):
        toy.look()
    toy.freeze()
    toy.look()
    toy.control()
    return toy


def new(toy: Toy) -> str:
    (name,) = {p["metadata"]["labels"][names.REVISION] for p in toy.pods if is_new(toy, p)}
    return str(name)


def is_new(toy: Toy, pod: PodStatus) -> bool:
    stable = toy.model["status"]["stable"]["revision"]
    return pod["metadata"]["labels"].get(names.REVISION, stable) != stable


def give(toy: Toy, status: PodStatus) -> None:
    """All pods of the new revision have this status."""
    for pod in toy.pods:
        if is_new(toy, pod):
            pod["status"] = {"phase": "Running", "containerStatuses": []} | status


def ended(code: int, restarts: int, message: str = "", reason: str = "Error") -> PodStatus:
    """A container that ended so, and waits for another try."""
    terminated = {"exitCode": code, "reason": reason, "message": message}
    container = {
        "name": "runtime",
        "image": "runtime:1",
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": terminated},
    }
    return {"containerStatuses": [container]}


def waiting(reason: str, message: str) -> PodStatus:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "runtime", "image": "runtime:1", "state": state}]}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        pytest.param(
            ended(137, 1, reason="OOMKilled"),
            "OOMKilled",
            "raise spec.serving.resources.limits.memory",
            id="it needs more memory than it may have",
        ),
        pytest.param(
            ended(16, 0, "manifest.json: digest differs"),
            "DigestMismatch",
            "manifest.json: digest differs",
            id="its artifact is corrupt",
        ),
        pytest.param(
            ended(12, 0, '{"reason": "InvalidCheckpoint", "message": "no graph"}'),
            "InvalidCheckpoint",
            "no graph",
            id="it says why in the words of a result",
        ),
        pytest.param(
            ended(139, 3, "Segmentation fault"),
            "CrashLoop",
            "Segmentation fault",
            id="it crashes again and again",
        ),
        pytest.param(
            ended(1, 3, "KeyError: 'x'"),
            "CrashLoop",
            "KeyError: 'x'",
            id="it ends with an exception that nobody expected",
        ),
    ],
)
def test_a_verdict_on_the_model_rejects_the_revision_for_good(
    toy: Toy, status: PodStatus, reason: str, message: str
) -> None:
    name = new(toy)
    give(toy, status)
    toy.settle()
    assert name not in toy.fleet()
    assert sum(toy.fleet().values()) == 2
    assert toy.conditions()["Ready"] == f"False {reason}"
    assert toy.conditions()["Stalled"] == f"True {reason}"
    assert toy.conditions()["Available"] == "True Serving"
    assert message in toy.message("Ready")
    assert toy.model["status"]["rejected"]["revision"] == name
    assert toy.story().count("Rejected") == 1
    assert toy.look() == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"reason": "not a word", "message": "m"}', id="a reason that is no word"),
        pytest.param('{"reason": ["InvalidCheckpoint"]}', id="a reason that is a list"),
        pytest.param("[" * 4_000, id="JSON that is too deep"),
    ],
)
def test_what_a_model_writes_at_its_end_never_blocks_the_status(toy: Toy, text: str) -> None:
    give(toy, ended(12, 0, text))
    toy.settle()
    Status.model_validate(toy.model["status"])
    assert toy.conditions()["Ready"] == "False InvalidCheckpoint"
    assert text[-100:] in toy.message("Ready")


def test_a_rejected_revision_is_tried_again_when_asked(toy: Toy) -> None:
    name = new(toy)
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    toy.change({names.RETRY: "1"})
    toy.settle()
    assert toy.fleet() == {name: 2}
    assert toy.conditions()["Ready"] == "True Ready"
    assert "Stalled" not in toy.conditions()


def test_one_retry_is_one_retry(toy: Toy) -> None:
    toy.change({names.RETRY: "1"})
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    assert toy.conditions()["Ready"] == "False OOMKilled"


def test_taking_retry_away_is_no_retry(toy: Toy) -> None:
    toy.change({names.RETRY: "1"})
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    del toy.model["metadata"]["annotations"][names.RETRY]
    toy.settle()
    assert toy.conditions()["Ready"] == "False OOMKilled"


def test_another_revision_unblocks(toy: Toy) -> None:
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    toy.change(serving={"resources": {"limits": {"memory": "2Gi"}}})
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert "rejected" not in toy.model["status"]


def test_a_revision_stays_rejected_when_it_is_asked_for_again(toy: Toy) -> None:
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    toy.checkpoint(1)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    toy.checkpoint(2)
    toy.settle()
    assert toy.conditions()["Ready"] == "False OOMKilled"
    assert len(toy.fleet()) == 1


def test_rejected_revisions_push_out_no_good_one() -> None:
    toy = Toy()
    for number in (1, 2):
        toy.checkpoint(number)
        toy.settle()
    for number in (3, 4, 5):
        toy.checkpoint(number)
        reject(toy)
    toy.checkpoint(6)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert revisions(toy) == [1, 2, 4, 5, 6]  # with a history of two


def reject(toy: Toy) -> None:
    """Freeze, make the first pod, and let it run out of memory."""
    for _ in range(2):
        toy.look()
    toy.freeze()
    toy.look()
    toy.control()
    give(toy, ended(137, 1, reason="OOMKilled"))
    toy.settle()
    assert toy.conditions()["Ready"] == "False OOMKilled"


def revisions(toy: Toy) -> list[int]:
    return sorted(body["revision"] for body in toy.kind("ControllerRevision"))


def test_a_corrupt_artifact_needs_to_be_frozen_and_then_tried_again(toy: Toy) -> None:
    artifact = artifacts(toy)[-1]
    give(toy, ended(19, 0, "frozen_graph.pb is not what was proved"))
    toy.settle()
    assert toy.conditions()["Ready"] == "False InvalidArtifact"
    assert names.REFREEZE in toy.message("Ready")
    assert names.RETRY in toy.message("Ready")
    toy.change({names.REFREEZE: "1", names.RETRY: "1"})
    toy.look()
    toy.look()
    toy.freeze(artifact)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.model["status"]["stable"]["artifact"] == artifact


def artifacts(toy: Toy) -> list[str]:
    found = sorted(toy.kind("ControllerRevision"), key=lambda body: int(body["revision"]))
    return [body["data"]["artifact"]["name"] for body in found]


def test_a_single_crash_is_no_verdict(toy: Toy) -> None:
    give(toy, ended(139, 1))
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown RollingOut"


def test_a_revision_that_has_served_is_never_rejected() -> None:
    toy = Toy()
    toy.settle()
    for pod in toy.pods:
        pod["status"] |= {"conditions": []} | ended(139, 9, "out of luck")
    toy.settle()
    assert toy.conditions()["Ready"] == "False CrashLoop"
    assert "rejected" not in toy.model["status"]
    assert len(toy.fleet()) == 1
    assert toy.plan().requeue_after == 5


def service(toy: Toy) -> dict[str, str]:
    """Whom the Service selects."""
    selector: dict[str, str] = toy.objects["Service", "digits"]["spec"]["selector"]
    return selector


def test_a_crash_just_after_the_traffic_moved_is_no_verdict(toy: Toy) -> None:
    name = new(toy)
    while service(toy).get(names.REVISION) != name:
        toy.control()
        toy.warm()
        toy.look()
    toy.look()
    assert toy.model["status"]["stable"]["revision"] == name
    assert toy.conditions()["Ready"] == "Unknown RollingOut"
    for pod in toy.of(name):
        pod["status"] = {"phase": "Running"} | ended(137, 1, reason="OOMKilled")
    toy.look()
    assert toy.conditions()["Ready"] == "False OOMKilled"
    assert toy.model["status"]["stable"] == toy.model["status"]["stable"] | {
        "revision": name,
        "replicas": 0,
    }
    for pod in toy.of(name):
        pod["status"] = {"phase": "Running"}
    toy.settle()
    assert toy.fleet() == {name: 2}
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_rollout_that_fails_at_any_instant_leaves_something_that_serves(toy: Toy) -> None:
    name = new(toy)
    acts = 0
    while toy.conditions()["Ready"] != "True Ready":
        for act in (toy.look, toy.warm, toy.control):
            act()
            acts += 1
            after = toy.copy()
            for pod in after.of(name):
                pod["status"] = {"phase": "Running"} | ended(137, 1, reason="OOMKilled")
            after.look()
            if "rejected" not in after.model["status"]:  # its containers run again
                for pod in after.of(name):
                    pod["status"] = {"phase": "Running"}
            after.settle()
            assert after.conditions()["Available"] == "True Serving"
            assert list(after.fleet().values()) == [2]
    assert acts > 10


def test_a_parked_model_that_was_given_an_unfit_revision_goes_back_when_unparked() -> None:
    toy = Toy(model(replicas=0, rollout={"revisionHistory": 0}))
    toy.change(replicas=2)
    toy.settle()
    old = toy.model["status"]["stable"]["revision"]
    toy.change(replicas=0)
    toy.settle()
    toy.checkpoint(2)
    toy.settle()
    assert service(toy)[names.REVISION] != old
    toy.change(replicas=2)
    toy.look()
    toy.control()
    for pod in toy.pods:
        pod["status"] |= ended(12, 0, "not a graph")
    toy.settle()
    assert toy.fleet() == {old: 2}
    assert toy.model["status"]["stable"]["revision"] == old
    assert toy.conditions()["Ready"] == "False InvalidCheckpoint"
    assert toy.conditions()["Available"] == "True Serving"


def test_a_deleted_service_puts_nobody_on_trial() -> None:
    toy = Toy(model(replicas=2))
    toy.settle()
    (name,) = toy.fleet()
    toy.of(name)[0]["status"] = {"phase": "Running"} | ended(139, 3, "Segmentation fault")
    del toy.objects["Service", "digits"]
    toy.look()
    toy.look()
    assert "rejected" not in toy.model["status"]
    assert toy.conditions()["Available"] == "True Serving"


def test_a_first_revision_is_rejected_too() -> None:
    toy = Toy()
    for _ in range(2):
        toy.look()
    toy.freeze()
    toy.look()
    toy.control()
    for pod in toy.pods:
        pod["status"] |= ended(12, 0, "not a graph")
    toy.settle()
    assert toy.conditions()["Ready"] == "False InvalidCheckpoint"
    assert toy.conditions()["Available"] == "False NoReadyPods"
    assert toy.fleet() == {}
    toy.checkpoint(2)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


UNSCHEDULABLE = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient memory.",
        }
    ]
}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        pytest.param(UNSCHEDULABLE, "Unschedulable", "Insufficient memory", id="no node fits"),
        pytest.param(
            waiting("ImagePullBackOff", "not found"), "ImagePull", "runtime:1", id="no image"
        ),
        pytest.param(
            waiting("CreateContainerConfigError", 'secret "frazil-store-read" not found'),
            "CreateContainerConfigError",
            "frazil-store-read",
            id="no Secret",
        ),
        pytest.param(
            ended(Exit.RETRY, 4, "the store cannot be reached"),
            "StartFailed",
            "the store cannot be reached",
            id="no store",
        ),
    ],
)
def test_a_verdict_on_the_cluster_stalls_and_heals_by_itself(
    toy: Toy, status: PodStatus, reason: str, message: str
) -> None:
    name = new(toy)
    give(toy, status)
    toy.now += timedelta(seconds=30)
    toy.look()
    assert toy.conditions()["Ready"] == f"False {reason}"
    assert toy.conditions()["Stalled"] == f"True {reason}"
    assert toy.conditions()["Available"] == "True Serving"
    assert message in toy.message("Ready")
    assert "rejected" not in toy.model["status"]
    assert toy.plan().requeue_after == 5
    for pod in toy.of(name):
        pod["status"] = {"phase": "Running"}
    toy.settle()
    assert toy.fleet() == {name: 2}
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.story()[-2:] == ["Stalled", "RolloutCompleted"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param('pods "x" is forbidden: exceeded quota: q', "QuotaExceeded", id="quota"),
        pytest.param(
            'pods "x" is forbidden: violates PodSecurity "restricted:latest"',
            "PodSecurity",
            id="Pod Security",
        ),
        pytest.param("admission webhook denied the request", "FailedCreate", id="anything else"),
    ],
)
def test_what_the_replica_set_could_not_create(toy: Toy, text: str, reason: str) -> None:
    name = new(toy)
    for pod in toy.of(name):
        toy.pods.remove(pod)
    key = ("Deployment", f"digits-{name}")
    failure = toy.condition("ReplicaFailure", "True", "FailedCreate", text)
    toy.objects[key]["status"] = {"conditions": [failure]}
    toy.look()
    assert toy.conditions()["Ready"] == f"False {reason}"
    assert text in toy.message("Ready")
    del toy.objects[key]["status"]
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_pod_that_is_not_ready_in_time_stalls_and_is_not_given_up(toy: Toy) -> None:
    name = new(toy)
    toy.now += timedelta(seconds=601)
    toy.look()
    assert toy.conditions()["Ready"] == "False ProgressDeadlineExceeded"
    toy.settle()
    assert toy.fleet() == {name: 2}


def test_a_fresh_pod_may_wait_for_its_node_a_moment(toy: Toy) -> None:
    give(toy, UNSCHEDULABLE)
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown RollingOut"
