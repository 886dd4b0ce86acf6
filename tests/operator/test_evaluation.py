"""What an evaluation holds back, what it lets through, and what it never touches."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.toy import Body, Toy, model, request_of

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.plan.evaluation import shortfall
from frazil_runtime import contract
from frazil_runtime.contract.evaluation import Evaluated

HOLDOUT = {"dataset": "s3://models/holdout.npz", "minimum": 0.8}


def job(toy: Toy) -> Body:
    (found,) = toy.kind("Job")
    return found


def stable(toy: Toy) -> str:
    return str(toy.model["status"]["stable"]["revision"])


@pytest.fixture
def toy() -> Toy:
    """The first checkpoint serves, and is worth 0.9."""
    toy = Toy(model(evaluation=HOLDOUT))
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    return toy


def test_one_job_freezes_and_evaluates(toy: Toy) -> None:
    asked = request_of(job(toy))
    assert asked["evaluation"]["dataset"] == HOLDOUT["dataset"]
    assert asked["artifact"] == ""
    assert toy.model["status"]["accuracy"] == {
        "value": 0.9,
        "samples": 450,
        "source": "Evaluation",
    }
    assert toy.story() == [
        "FreezeStarted",
        "Frozen",
        "RolloutStarted",
        "RolloutCompleted",
        "SingleReplica",
        "Evaluated",
    ]


def test_what_was_evaluated_is_remembered_when_the_job_is_gone(toy: Toy) -> None:
    toy.objects.pop(("Job", job(toy)["metadata"]["name"]))
    assert toy.look() == 0
    assert toy.kind("Job") == []
    assert toy.model["status"]["accuracy"]["value"] == 0.9


def test_a_checkpoint_below_the_minimum_is_not_rolled_out(toy: Toy) -> None:
    before, toy.value = stable(toy), 0.71
    toy.checkpoint(2)
    toy.settle()
    assert toy.conditions() == {
        "Accepted": "True Accepted",
        "Frozen": "True Frozen",
        "Available": "True Serving",
        "Progressing": "False BelowMinimumAccuracy",
        "Ready": "False BelowMinimumAccuracy",
        "ScalingActive": "True FollowsLoad",
        "Stalled": "True BelowMinimumAccuracy",
    }
    rejected = toy.model["status"]["rejected"]
    assert toy.message("Ready") == (
        "accuracy 0.71 on 450 samples of s3://models/holdout.npz is below "
        f"spec.evaluation.minimum 0.8: revision {rejected['revision']} is not rolled out; train "
        "further, or lower the minimum"
    )
    assert rejected["reason"] == "BelowMinimumAccuracy"
    assert "candidate" not in toy.model["status"]
    assert toy.fleet() == {before: 1}
    assert toy.model["status"]["accuracy"]["value"] == 0.9
    assert toy.events[-1].reason == "Rejected"
    assert f"revision {before} goes on serving" in toy.events[-1].message
    assert toy.look() == 0
    assert toy.plan().requeue_after is None


def test_a_lower_minimum_lets_it_through_without_another_evaluation(toy: Toy) -> None:
    toy.value = 0.71
    toy.checkpoint(2)
    toy.settle()
    name = toy.model["status"]["rejected"]["revision"]
    toy.objects.pop(("Job", job(toy)["metadata"]["name"]))
    toy.change(evaluation=HOLDOUT | {"minimum": 0.7})
    toy.settle()
    assert toy.kind("Job") == []
    assert stable(toy) == name
    assert toy.conditions()["Ready"] == "True Ready"
    assert "rejected" not in toy.model["status"]
    assert toy.model["status"]["accuracy"]["value"] == 0.71


def test_a_first_checkpoint_below_the_minimum_serves_nobody() -> None:
    toy = Toy(model(evaluation=HOLDOUT), value=0.1)
    toy.settle()
    assert toy.conditions()["Ready"] == "False BelowMinimumAccuracy"
    assert toy.conditions()["Available"] == "False NoReadyPods"
    assert toy.fleet() == {}
    assert "stable" not in toy.model["status"]
    toy.value = 0.9
    toy.checkpoint(2)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_raised_minimum_takes_nothing_away_and_says_so(toy: Toy) -> None:
    before = stable(toy)
    toy.change(evaluation=HOLDOUT | {"minimum": 0.95})
    toy.settle()
    assert toy.conditions()["Ready"] == "False BelowMinimumAccuracy"
    assert toy.conditions()["Available"] == "True Serving"
    assert f"revision {before} serves on" in toy.message("Ready")
    assert toy.fleet() == {before: 1}
    assert "rejected" not in toy.model["status"]
    toy.change(evaluation=HOLDOUT)
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"


def test_a_minimum_raised_half_way_sends_the_candidate_back(toy: Toy) -> None:
    before = stable(toy)
    toy.change(replicas=4)
    toy.settle()
    toy.checkpoint(2)
    while "candidate" not in toy.model["status"] or len(toy.fleet()) < 2:
        toy.step()
    toy.change(evaluation=HOLDOUT | {"minimum": 0.95})
    toy.settle()
    assert toy.fleet() == {before: 4}
    assert toy.conditions()["Ready"] == "False BelowMinimumAccuracy"
    assert toy.model["status"]["rejected"]["revision"] != before


class TestAnother:
    """Another evaluation of what serves."""

    def test_it_names_the_artifact_and_restarts_nothing(self, toy: Toy) -> None:
        pods, artifact = list(toy.pods), toy.model["status"]["stable"]["artifact"]
        toy.change(evaluation=HOLDOUT | {"dataset": "s3://models/other.npz"})
        toy.look()
        toy.look()
        assert request_of(job(toy))["artifact"] == artifact
        assert toy.conditions()["Frozen"] == "True Frozen"
        assert toy.conditions()["Ready"] == "Unknown Evaluating"
        assert toy.conditions()["Available"] == "True Serving"
        assert "is being evaluated on s3://models/other.npz" in toy.message("Ready") or (
            "the freeze Job starts" in toy.message("Ready")
        )
        assert "accuracy" not in toy.model["status"]
        toy.value = 0.85
        toy.settle()
        assert toy.conditions()["Ready"] == "True Ready"
        assert toy.model["status"]["accuracy"]["value"] == 0.85
        assert [pod for pod in toy.pods if names.SERVING in pod["metadata"]["labels"]] == [
            pod for pod in pods if names.SERVING in pod["metadata"]["labels"]
        ]
        assert len(toy.kind("ControllerRevision")) == 1

    def test_it_may_come_to_less_than_the_minimum(self, toy: Toy) -> None:
        before, toy.value = stable(toy), 0.5
        toy.change(evaluation=HOLDOUT | {"metric": "TopK", "k": 3})
        toy.settle()
        assert toy.message("Ready").startswith("top-3 accuracy 0.5 on 450 samples")
        assert toy.fleet() == {before: 1}

    def test_it_may_fail_and_then_what_serves_goes_on(self, toy: Toy) -> None:
        before = stable(toy)
        toy.change(evaluation=HOLDOUT | {"dataset": "s3://models/bad.npz"})
        toy.look()
        toy.look()
        code = contract.Exit.EVALUATION_FAILED
        said = contract.FreezeResult(reason=code.reason, message="it lacks labels").to_json()
        end = {"exitCode": int(code), "message": said, "reason": "Error"}
        toy.job_pod(job(toy), {"name": "publish", "state": {"terminated": end}, "restartCount": 0})
        toy.freeze(reason="PodFailurePolicy")
        toy.settle()
        assert toy.conditions()["Ready"] == "False EvaluationFailed"
        assert toy.conditions()["Frozen"] == "True Frozen"
        assert toy.message("Ready").startswith("it lacks labels; ")
        assert toy.fleet() == {before: 1}
        toy.change(evaluation=HOLDOUT)
        toy.settle()
        assert toy.conditions()["Ready"] == "True Ready"

    def test_it_may_be_taken_away(self, toy: Toy) -> None:
        del toy.model["spec"]["evaluation"]
        toy.change()
        toy.settle()
        assert toy.kind("Job") == []
        assert toy.conditions()["Ready"] == "True Ready"
        assert "accuracy" not in toy.model["status"]
        toy.change(evaluation=HOLDOUT)
        toy.settle()
        assert toy.kind("Job") == []  # it is remembered
        assert toy.model["status"]["accuracy"]["value"] == 0.9

    def test_while_it_is_under_way_no_other_revision_begins(self, toy: Toy) -> None:
        before = stable(toy)
        toy.change(
            evaluation=HOLDOUT | {"dataset": "s3://models/other.npz"},
            serving={"drainSeconds": 6},
        )
        toy.look()
        toy.look()
        toy.look()
        assert toy.conditions()["Ready"] == "Unknown Evaluating"
        assert toy.fleet() == {before: 1}
        toy.settle()
        assert stable(toy) != before
        assert toy.conditions()["Ready"] == "True Ready"

    def test_a_rollout_that_has_begun_goes_on_meanwhile(self, toy: Toy) -> None:
        toy.change(replicas=4)
        toy.settle()
        toy.checkpoint(2)
        while "candidate" not in toy.model["status"] or len(toy.fleet()) < 2:
            toy.step()
        name = toy.model["status"]["candidate"]["revision"]
        toy.change(evaluation=HOLDOUT | {"dataset": "s3://models/other.npz"})
        for _ in range(20):
            pods = len(toy.of(name))
            toy.step()
            assert len(toy.of(name)) >= pods
        assert stable(toy) == name

    def test_the_store_out_of_reach_is_said(self, toy: Toy) -> None:
        toy.change(evaluation=HOLDOUT | {"dataset": "s3://models/other.npz"})
        toy.store_error = "connection refused"
        toy.tell(toy.plan())
        assert toy.conditions()["Ready"] == "False StoreUnreachable"
        assert toy.conditions()["Frozen"] == "True Frozen"


def test_a_refreeze_evaluates_again(toy: Toy) -> None:
    before = request_of(job(toy))["evaluation"]
    toy.change({names.REFREEZE: "1"})
    toy.look()
    toy.look()
    asked = request_of(job(toy))
    assert asked["evaluation"] == before | {"again": "1"}
    assert asked["artifact"] == ""


def test_other_pods_of_the_same_artifact_are_worth_the_same(toy: Toy) -> None:
    before = stable(toy)
    toy.objects.pop(("Job", job(toy)["metadata"]["name"]))
    toy.change(serving={"drainSeconds": 6})
    toy.settle()
    assert toy.kind("Job") == []
    assert stable(toy) != before
    assert toy.model["status"]["accuracy"]["value"] == 0.9


def test_a_result_of_another_evaluation_is_none(toy: Toy) -> None:
    toy.checkpoint(2)
    toy.look()
    toy.look()
    said = contract.FreezeResult("sha256-1", evaluation=Evaluated("00" * 32, 1.0, 1)).to_json()
    end = {"exitCode": 0, "message": said}
    running = job(toy)
    running["status"] = {"conditions": [toy.condition("Complete", "True")]}
    toy.job_pod(running, {"name": "publish", "state": {"terminated": end}})
    toy.look()
    assert "runs again" in toy.message("Frozen")


def test_the_dataset_may_lie_on_a_volume() -> None:
    toy = Toy(model(evaluation={"dataset": "pvc://data/holdout.npz"}))
    toy.look()
    pod = job(toy)["spec"]["template"]["spec"]
    claims = [v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [{"claimName": "data", "readOnly": True}]


KEY = "00" * 32


@pytest.mark.parametrize(
    ("spec", "value", "reason"),
    [
        pytest.param({}, 0.0, None, id="no bound"),
        pytest.param({"minimum": 0.8}, 0.8, None, id="the minimum itself"),
        pytest.param({"minimum": 0.8}, 0.7999, "BelowMinimumAccuracy", id="less"),
        pytest.param({"metric": "BinaryF1", "minimum": 1}, 0.9, "BelowMinimumAccuracy", id="F1"),
        pytest.param(
            {"metric": "MeanAbsoluteError", "maximum": 2}, 2.0, None, id="the largest error"
        ),
        pytest.param(
            {"metric": "MeanAbsoluteError", "maximum": 2}, 2.5, "AboveMaximumError", id="a larger"
        ),
        pytest.param({"metric": "MeanAbsoluteError"}, 9.0, None, id="an error without a bound"),
    ],
)
def test_what_falls_short(spec: dict[str, Any], value: float, reason: str | None) -> None:
    one = Model.parse(model(evaluation={"dataset": "s3://a/b"} | spec))
    found = shortfall(one, Evaluated(KEY, value, 10))
    assert (found.reason if found else None) == reason


def test_what_is_not_measured_falls_short_of_nothing() -> None:
    assert shortfall(Model.parse(model(evaluation=HOLDOUT)), None) is None
    assert shortfall(Model.parse(model()), Evaluated(KEY, 0.0, 1)) is None
