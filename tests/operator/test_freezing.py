"""The freeze Job: when it is made, started, read, replaced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.toy import SETTINGS, Body, Toy, model

from frazil_operator import names
from frazil_operator.settings import Settings
from frazil_runtime import contract


@pytest.fixture
def toy() -> Toy:
    """The freeze Job runs."""
    toy = Toy()
    toy.look()
    toy.look()
    assert not job(toy)["spec"]["suspend"]
    return toy


def job(toy: Toy) -> Body:
    (found,) = toy.kind("Job")
    return found


def terminated(stage: str, code: int, message: str = "", reason: str = "Error") -> Body:
    end = {"exitCode": code, "message": message, "reason": reason}
    return {"name": stage, "state": {"terminated": end}, "restartCount": 0}


def test_a_job_waits_for_its_turn() -> None:
    toy = Toy(running_freezes=2)
    toy.look()
    assert job(toy)["spec"]["suspend"]
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown Queued"
    assert toy.plan().requeue_after is not None
    toy.running_freezes, toy.freezes_ahead = 1, 1
    toy.look()
    assert job(toy)["spec"]["suspend"]
    toy.freezes_ahead = 0
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.story()[:2] == ["FreezeStarted", "FreezeQueued"]


def test_what_runs_keeps_the_template_it_was_made_with() -> None:
    toy = Toy()
    toy.look()
    before = job(toy)["spec"]["template"]
    toy.settings = Settings(namespace="frazil", runtime_image="r:2", freezer_image="f:2")
    toy.look()
    assert job(toy)["spec"] == job(toy)["spec"] | {"suspend": False, "template": before}


@pytest.mark.parametrize("code", contract.USER_ERRORS)
def test_what_the_user_must_mend_is_said_and_not_retried(toy: Toy, code: contract.Exit) -> None:
    result = contract.FreezeResult(reason=code.reason, message="how to mend it")
    toy.job_pod(job(toy), terminated("fetch", code, result.to_json()))
    toy.freeze(reason="PodFailurePolicy")
    toy.now += timedelta(hours=1)
    toy.look()
    assert toy.conditions()["Frozen"] == f"False {code.reason}"
    assert toy.conditions()["Ready"] == f"False {code.reason}"
    assert toy.message("Ready").startswith("how to mend it; ")
    assert toy.message("Ready").endswith("annotate the model with frazil.dev/retry=<anything new>")
    assert toy.story() == ["FreezeStarted", "FreezeFailed"]
    assert toy.look() == 0
    assert toy.plan().requeue_after is None


def test_a_failed_freeze_is_tried_once_for_each_new_value_of_retry(toy: Toy) -> None:
    for value in ("1", "2"):
        toy.freeze(reason="PodFailurePolicy", message="failed with exit code 10 matching")
        toy.look()
        failed = job(toy)["metadata"]["name"]
        toy.change({names.RETRY: value})
        toy.look()
        toy.look()
        assert job(toy)["metadata"]["name"] != failed
        assert toy.conditions()["Ready"] == "Unknown Freezing"
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


@pytest.mark.parametrize(
    "state", [pytest.param("runs", id="runs"), pytest.param("done", id="is complete")]
)
def test_a_retry_leaves_a_job_alone_that(toy: Toy, state: str) -> None:
    if state == "done":
        toy.freeze()
    before = job(toy)["metadata"]["name"]
    toy.change({names.RETRY: "1"})
    toy.look()
    toy.look()
    assert job(toy)["metadata"]["name"] == before


def test_where_the_pod_is_gone_the_exit_code_is_in_the_jobs_condition(toy: Toy) -> None:
    message = "Container fetch for pod a/b failed with exit code 10 matching FailJob rule"
    toy.freeze(reason="PodFailurePolicy", message=message)
    toy.look()
    assert toy.conditions()["Ready"] == "False SourceNotFound"


def test_a_failed_freeze_leaves_serving_what_serves(toy: Toy) -> None:
    toy.settle()
    toy.checkpoint(2)
    toy.look()
    toy.look()
    toy.job_pod(job(toy), terminated("fetch", 10, "no such object"))
    toy.freeze(reason="PodFailurePolicy")
    toy.settle()
    assert toy.conditions()["Available"] == "True Serving"
    assert toy.conditions()["Ready"] == "False SourceNotFound"
    assert sum(toy.fleet().values()) == 1
    toy.checkpoint(1)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_what_the_infrastructure_failed_is_tried_again(toy: Toy) -> None:
    toy.job_pod(job(toy), terminated("publish", contract.Exit.RETRY, "the store cannot be reached"))
    toy.freeze(reason="BackoffLimitExceeded")
    toy.look()
    assert toy.conditions()["Ready"] == "False StartFailed"
    assert "the store cannot be reached" in toy.message("Ready")
    assert 0 < (toy.plan().requeue_after or 0) <= 60
    toy.now += timedelta(seconds=61)
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_while_the_infrastructure_fails_the_story_is_told_once_and_the_pauses_grow(
    toy: Toy,
) -> None:
    pauses = []
    for _ in range(7):
        toy.pods.clear()
        end = terminated("publish", contract.Exit.RETRY, "the store cannot be reached")
        toy.job_pod(job(toy), end)
        toy.freeze(reason="BackoffLimitExceeded")
        toy.look()
        pauses.append(toy.plan().requeue_after or 0)
        toy.now += timedelta(seconds=pauses[-1])
        toy.look()  # another Job is there
        toy.look()  # and runs
        assert not job(toy)["spec"]["suspend"]
        toy.look()
        assert toy.conditions()["Ready"] == "False StartFailed"
        assert toy.conditions()["Stalled"] == "True StartFailed"
        assert toy.message("Ready").endswith(
            "last attempt: container publish failed: the store cannot be reached"
        )
    assert pauses == [30, 60, 120, 240, 480, 480, 480]
    assert toy.story() == ["FreezeStarted", "FreezeFailed"]
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert "Recovered" not in toy.story()


def test_an_operator_that_dies_between_two_jobs_forgets_no_failure(toy: Toy) -> None:
    toy.freeze(reason="BackoffLimitExceeded")
    toy.now += timedelta(seconds=31)
    for desired in toy.plan().apply:  # and then it dies: the failed Job is still there
        toy._apply(desired)
    assert len(toy.kind("Job")) == 2
    toy.look()
    toy.look()
    toy.look()
    assert toy.conditions()["Ready"] == "False BackoffLimitExceeded"
    toy.freeze(reason="BackoffLimitExceeded")
    assert toy.plan().requeue_after == 60


def test_a_changed_spec_begins_without_the_former_failures(toy: Toy) -> None:
    toy.freeze(reason="BackoffLimitExceeded")
    toy.look()
    toy.checkpoint(2)
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown Freezing"


FULL = 'Usage of EmptyDir volume "work" exceeds the limit "20Gi". '
NODE = "The node was low on resource: ephemeral-storage. "


def evicted(toy: Toy, message: str) -> None:
    """The kubelet puts the Job's pod out: its containers are killed."""
    pod = toy.job_pod(job(toy), terminated("fetch", 137))
    pod["status"] |= {"phase": "Failed", "reason": "Evicted", "message": message}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(FULL, id="the work folder's own limit"),
        pytest.param(
            "Pod ephemeral local storage usage exceeds the total limit of containers 3Gi. ",
            id="the limit of all containers together",
        ),
        pytest.param(
            'Container fetch exceeded its local ephemeral storage limit "1Gi". ',
            id="the limit of one container",
        ),
    ],
)
@pytest.mark.parametrize("failed", ["", "BackoffLimitExceeded", "DeadlineExceeded"])
def test_a_work_folder_that_is_too_small_is_named_before_and_after_the_job_gives_up(
    toy: Toy, message: str, failed: str
) -> None:
    evicted(toy, message)
    if failed:
        toy.freeze(reason=failed)
    toy.look()
    assert toy.conditions()["Ready"] == "False WorkFolderFull"
    assert message.strip() in toy.message("Ready")
    assert "spec.freeze.resources.limits.ephemeral-storage" in toy.message("Ready")
    toy.change(freeze={"resources": {"limits": {"ephemeral-storage": "50Gi"}}})
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_node_without_room_is_no_reason_to_raise_the_timeout(toy: Toy) -> None:
    evicted(toy, NODE)
    toy.freeze(reason="DeadlineExceeded")
    toy.look()
    assert toy.conditions()["Ready"] == "False Evicted"
    assert NODE.strip() in toy.message("Ready")
    assert toy.plan().requeue_after == 30


@pytest.mark.parametrize(
    ("resources", "limit"),
    [
        pytest.param({}, "20Gi", id="nothing said"),
        pytest.param({"requests": {"ephemeral-storage": "5Gi"}}, "5Gi", id="a request"),
        pytest.param(
            {"requests": {"ephemeral-storage": "5Gi"}, "limits": {"ephemeral-storage": "9Gi"}},
            "9Gi",
            id="a limit above the request",
        ),
    ],
)
def test_what_the_work_folder_may_hold(resources: Body, limit: str) -> None:
    toy = Toy(model(freeze={"resources": resources}))
    toy.look()
    (work, *_) = job(toy)["spec"]["template"]["spec"]["volumes"]
    assert work["emptyDir"] == {"sizeLimit": limit}


@pytest.mark.parametrize(
    ("pod", "failed", "reason", "advice"),
    [
        pytest.param(
            terminated("convert", 137, reason="OOMKilled"),
            {"reason": "BackoffLimitExceeded"},
            "OOMKilled",
            "spec.freeze.resources.limits.memory",
            id="too little memory",
        ),
        pytest.param(
            terminated("convert", 139, "Segmentation fault"),
            {"reason": "BackoffLimitExceeded"},
            "CrashLoop",
            "Segmentation fault",
            id="TensorFlow crashes each time",
        ),
        pytest.param(
            terminated("convert", 143),
            {"reason": "DeadlineExceeded"},
            "DeadlineExceeded",
            "spec.freeze.timeoutSeconds",
            id="too little time",
        ),
    ],
)
def test_what_another_job_might_mend(
    toy: Toy, pod: Body, failed: dict[str, str], reason: str, advice: str
) -> None:
    toy.job_pod(job(toy), pod)
    toy.freeze(**failed)
    toy.now += timedelta(hours=1)
    toy.look()
    assert toy.conditions()["Ready"] == f"False {reason}"
    assert advice in toy.message("Ready")
    toy.change(freeze={"resources": {"limits": {"memory": "8Gi"}}, "timeoutSeconds": 7200})
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert len(toy.kind("Job")) == 1


def test_a_failed_job_gives_way_to_one_of_a_newer_freezer(toy: Toy) -> None:
    toy.freeze(reason="PodFailurePolicy", message="failed with exit code 14 matching")
    toy.settle()
    toy.settings = Settings(namespace="frazil", runtime_image="r:2", freezer_image="f:2")
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_result_that_is_gone_is_made_again(toy: Toy) -> None:
    toy.freeze()
    toy.pods.clear()
    name = job(toy)["metadata"]["name"]
    toy.look()
    assert toy.kind("Job") == []
    toy.settle()
    assert job(toy)["metadata"]["name"] == name
    assert toy.conditions()["Ready"] == "True Ready"


def test_pods_of_a_former_job_of_that_name_say_nothing(toy: Toy) -> None:
    toy.job_pod(job(toy), terminated("fetch", 10, "no such object"))
    job(toy)["metadata"]["uid"] = "the next"
    toy.freeze(reason="BackoffLimitExceeded")
    toy.look()
    assert toy.conditions()["Ready"] == "False BackoffLimitExceeded"
    assert "no such object" not in toy.message("Ready")


def test_the_result_is_remembered_by_the_revision(toy: Toy) -> None:
    toy.settle()
    toy.objects = {key: body for key, body in toy.objects.items() if key[0] != "Job"}
    toy.pods = [pod for pod in toy.pods if "frazil.dev/serving" in pod["metadata"]["labels"]]
    assert toy.look() == 0


def test_changing_how_to_freeze_replaces_a_job_that_runs(toy: Toy) -> None:
    before = job(toy)["metadata"]["name"]
    toy.change(checkpoint={"uri": "s3://models/digits-1", "secretName": "other"})
    toy.look()
    assert job(toy)["metadata"]["name"] != before


def test_a_newer_operator_leaves_a_job_alone_that_runs(toy: Toy) -> None:
    before = job(toy)["metadata"]["name"]
    toy.settings = Settings(namespace="frazil", runtime_image="r:2", freezer_image="f:2")
    toy.look()
    assert job(toy)["metadata"]["name"] == before


def test_a_name_that_is_still_taken_is_waited_for(toy: Toy) -> None:
    job(toy)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not [body for body in toy.plan().apply if body["kind"] == "Job"]
    assert not toy.plan().delete


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param("no pod", "PodNotCreated", id="the Job has no pod"),
        pytest.param("no image", "ImagePull", id="its image cannot be pulled"),
    ],
)
def test_a_job_that_cannot_run_stalls_and_heals(toy: Toy, prepare: str, reason: str) -> None:
    job(toy)["status"] = {"startTime": toy.now.isoformat()}
    if prepare == "no image":
        state = {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}
        toy.job_pod(job(toy), {"name": "fetch", "image": "freezer:1", "state": state})
    toy.now += timedelta(seconds=20)
    toy.look()
    assert toy.conditions()["Ready"] == f"False {reason}"
    assert toy.conditions()["Frozen"] == f"False {reason}"
    del job(toy)["status"]
    toy.pods.clear()
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_job_without_a_pod_is_said_with_the_command_that_shows_why(toy: Toy) -> None:
    job(toy)["status"] = {"startTime": toy.now.isoformat()}
    toy.now += timedelta(seconds=20)
    toy.look()
    command = f"`kubectl describe job {job(toy)['metadata']['name']} --namespace demo`"
    assert command in toy.message("Ready")


def test_an_attempt_that_failed_is_said_while_the_next_one_runs(toy: Toy) -> None:
    toy.job_pod(job(toy), terminated("fetch", contract.Exit.RETRY, "connection refused"))
    toy.look()
    assert toy.conditions()["Ready"] == "Unknown Freezing"
    assert "connection refused" in toy.message("Ready")


def test_credentials_go_only_where_they_are_needed() -> None:
    toy = Toy(model(checkpoint={"uri": "s3://a/b", "secretName": "mine"}), SETTINGS)
    toy.look()
    assert {
        container["name"]: [source["secretRef"]["name"] for source in container.get("envFrom", ())]
        for container in containers(toy)
    } == {
        "fetch": ["frazil-store-read", "mine"],
        "convert": [],
        "publish": ["frazil-store-write"],
    }


def test_a_claim_is_mounted_read_only_where_it_is_fetched_from() -> None:
    toy = Toy(model(checkpoint={"uri": "pvc://data/digits/model.ckpt"}), SETTINGS)
    toy.look()
    claims = {name: mounts.get("/pvc/data") for name, mounts in mounted(toy).items()}
    assert claims == {"fetch": "read", "convert": None, "publish": None}


def test_no_stage_can_change_what_another_has_written() -> None:
    toy = Toy(model(checkpoint={"uri": "s3://a/b"}), SETTINGS)
    toy.look()
    assert mounted(toy) == {
        "fetch": {"/var/frazil/fetched": "write", "/tmp": "write"},
        "convert": {
            "/var/frazil/fetched": "read",
            "/var/frazil/converted": "write",
            "/tmp": "write",
        },
        "publish": {
            "/var/frazil/fetched": "read",
            "/var/frazil/converted": "read",
            "/tmp": "write",
        },
    }


def mounted(toy: Toy) -> dict[str, dict[str, str]]:
    """For each container, its mount paths and whether it may write there."""
    return {
        container["name"]: {
            mount["mountPath"]: "read" if mount.get("readOnly") else "write"
            for mount in container["volumeMounts"]
        }
        for container in containers(toy)
    }


def containers(toy: Toy) -> list[dict[str, Any]]:
    spec = job(toy)["spec"]["template"]["spec"]
    return [*spec["initContainers"], *spec["containers"]]
