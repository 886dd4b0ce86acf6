"""A model that must prove itself on labelled rows before it is rolled out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from e2e.pods import identities, serving_pods

from bench.bucket import artifacts
from bench.cluster import Object, condition, is_false
from bench.stage import Stage

pytestmark = pytest.mark.e2e

NAME = "proved"
ALL, HALF = "s3://models/all.npz", "s3://models/half.npz"


def labelled(scene: Stage, name: str, wrong: int) -> None:
    """Put the stage's rows into the bucket, labelled as the first checkpoint answers them, but for
    the first ``wrong`` of them."""
    labels = scene.checkpoints[0].answers.argmax(1)
    labels[:wrong] = (labels[:wrong] + 1) % scene.checkpoints[0].answers.shape[1]
    file = io.BytesIO()
    np.savez(file, x=scene.rows, labels=labels)
    scene.bucket.client.put_object(Bucket=scene.bucket.name, Key=name, Body=file.getvalue())


def model(scene: Stage, number: int, dataset: str = ALL, minimum: float = 0.8) -> Object:
    return scene.model(NAME, number, evaluation={"dataset": dataset, "minimum": minimum})


@pytest.fixture(scope="module")
def proved(scene: Stage) -> Stage:
    """The first checkpoint serves: it is right on all rows."""
    labelled(scene, "all.npz", 0)
    labelled(scene, "half.npz", len(scene.rows) // 2)
    scene.cluster.apply(model(scene, 0))
    scene.remember(scene.cluster.ready(NAME))
    return scene


def test_a_checkpoint_above_the_minimum_serves_and_shows_what_it_is_worth(proved: Stage) -> None:
    live = proved.cluster.ready(NAME)
    worth = {"value": 1, "samples": len(proved.rows), "source": "Evaluation"}
    assert worth.items() <= live["status"]["accuracy"].items()
    table = proved.cluster.kubectl("get", "modeldeployment", NAME)
    assert "ACCURACY" in table.splitlines()[0]
    assert any(line.startswith("Evaluated: Worth 1 ") for line in proved.cluster.events(NAME))


def test_one_below_it_is_refused_and_the_old_one_serves_on(proved: Stage) -> None:
    before = proved.cluster.ready(NAME)["status"]["stable"]
    proved.cluster.apply(model(proved, 1))
    live = proved.cluster.until("modeldeployment", NAME, is_false("BelowMinimumAccuracy"))
    message = condition(live, "Ready")["message"]
    assert f"samples of {ALL} is below spec.evaluation.minimum 0.8" in message
    assert live["status"]["rejected"]["revision"] != before["revision"]
    assert live["status"]["stable"]["revision"] == before["revision"]
    assert condition(live, "Available")["status"] == "True"
    assert_serves(proved)


def test_a_lower_minimum_lets_it_through_as_it_was_measured(proved: Stage) -> None:
    proved.cluster.apply(model(proved, 1))
    live = proved.cluster.until("modeldeployment", NAME, is_false("BelowMinimumAccuracy"))
    jobs = names(proved, "jobs")
    proved.cluster.apply(model(proved, 1, minimum=0.0))
    after = proved.cluster.ready(NAME)
    assert after["status"]["stable"]["revision"] == live["status"]["rejected"]["revision"]
    assert names(proved, "jobs") == jobs
    proved.remember(after)
    assert_serves(proved)


def test_another_dataset_evaluates_the_same_artifact_and_restarts_no_pod(proved: Stage) -> None:
    proved.cluster.apply(model(proved, 0))
    before = proved.cluster.ready(NAME)["status"]["stable"]
    pods = identities(serving_pods(proved, NAME))
    graphs = stored(proved, "frozen_graph.pb")
    proved.cluster.apply(model(proved, 0, HALF, minimum=0.4))
    after = proved.cluster.ready(NAME)["status"]
    assert after["accuracy"]["value"] == 0.5
    assert after["stable"] == before
    assert identities(serving_pods(proved, NAME)) == pods
    assert stored(proved, "frozen_graph.pb") == graphs
    evaluations = [key for key in stored(proved, ".json") if "/evaluations/" in key]
    assert sum(before["artifact"] in key for key in evaluations) == 2


def test_a_dataset_that_does_not_fit_is_named_and_what_serves_goes_on(proved: Stage) -> None:
    file = io.BytesIO()
    np.savez(file, image=proved.rows)
    proved.bucket.client.put_object(
        Bucket=proved.bucket.name, Key="misfit.npz", Body=file.getvalue()
    )
    proved.cluster.apply(model(proved, 0, "s3://models/misfit.npz"))
    live = proved.cluster.until("modeldeployment", NAME, is_false("EvaluationFailed"))
    assert "lacks x, labels" in condition(live, "Ready")["message"]
    assert condition(live, "Available")["status"] == "True"
    assert_serves(proved)


def names(scene: Stage, kind: str) -> set[str]:
    """The names of the model's children of a kind."""
    children = scene.cluster.find(kind, f"frazil.dev/model={NAME}")
    return {child["metadata"]["name"] for child in children}


def stored(scene: Stage, ending: str) -> set[str]:
    """What the namespace's artifacts have in the store, by how it ends."""
    with artifacts(scene.cluster.namespace) as store:
        listing = store.client.list_objects_v2(Bucket=store.name).get("Contents", [])
    return {entry["Key"] for entry in listing if entry["Key"].endswith(ending)}


def assert_serves(scene: Stage) -> None:
    """What has the traffic still answers, and rightly."""
    with scene.load(NAME, "--seconds=1") as flow:
        flow.finish()
    assert scene.judge(flow).failures == ()
