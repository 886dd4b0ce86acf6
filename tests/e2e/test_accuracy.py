"""Answers that can be held against labels: from the Secret to what the pods have counted."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import numpy as np
import pytest
from e2e.pods import ask, follow_until, serving_pods
from e2e.pods import told as told_policy

from bench.cluster import ROOT, Object, python_inside
from bench.stage import Stage
from frazil_runtime.contract import CACHE_HEADER
from frazil_runtime.contract.accuracy import ACCURACY_PATH, ID_HEADER, Counts, Tally

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]

NAME = "measured"


@pytest.fixture(scope="module")
def pods(scene: Stage) -> list[Object]:
    """Two pods of a model whose answers can be held against labels."""
    scene.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "labels"},
            "stringData": {"token": "who may label"},
        }
    )
    accuracy = {"feedbackSecretName": "labels"}
    scene.deploy(NAME, 0, replicas=2, accuracy=accuracy)
    found = serving_pods(scene, NAME)
    for pod in found:
        follow_until(scene, pod, rf"policy {told_policy(scene, NAME).number}:")
    return found


def test_what_one_pod_has_predicted_another_scores(scene: Stage, pods: list[Object]) -> None:
    first, second = pods
    right = int(scene.checkpoints[0].answers[0].argmax())
    assert label(second, predict(scene, first, 0), right)["text"] == '{"scored":1}'
    wrong = 9 - int(scene.checkpoints[0].answers[1].argmax())  # of ten classes, never the same
    assert label(second, predict(scene, first, 1), wrong)["text"] == '{"scored":1}'
    tally = Tally.from_json(ask(second, "admin", ACCURACY_PATH)["text"])
    assert (tally.enabled, tally.keyed, tally.guarded) == (True, True, True)
    (counts,) = (Counts.sum(each.counts for each in them) for them in tally.buckets.values())
    assert (counts.labels, counts.right) == (2, 1)


def test_who_has_not_the_secret_labels_nothing(scene: Stage, pods: list[Object]) -> None:
    prediction = predict(scene, pods[0], 2)
    assert label(pods[0], prediction, 0, token="guessed")["status"] == 401
    assert label(pods[0], prediction[:-4] + "AAAA", 0)["status"] == 403


def test_the_keys_are_not_to_be_seen(scene: Stage, pods: list[Object]) -> None:
    """They are in one Secret that goes with the model, and in no pod's manifest."""
    secret = scene.cluster.get("secret", f"{NAME}-keys")
    assert secret is not None
    assert secret["metadata"]["ownerReferences"][0]["name"] == NAME
    text = json.dumps(pods)
    assert not [value for value in secret["data"].values() if value in text]


def predict(scene: Stage, pod: Object, row: int) -> str:
    """The prediction id of the answer to one of the stage's rows."""
    body = json.dumps({"instances": [scene.rows[row].tolist()]})
    answer = ask(pod, "http", f"/v1/models/{NAME}:predict", body)
    assert answer["status"] == 200, answer["text"]
    return str(answer["headers"][ID_HEADER.lower()])


def label(pod: Object, prediction: str, sent: int, token: str = "who may label") -> Object:
    """What the pod answers to a label."""
    body = json.dumps({"prediction_id": prediction, "labels": [sent]})
    return ask(pod, "http", f"/v2/models/{NAME}/feedback", body, Authorization=f"Bearer {token}")


def test_answers_are_cached_while_the_model_is_accurate_and_no_longer_when_it_is_not(
    scene: Stage, pods: list[Object], figure: Figure
) -> None:
    """The 80-20 rule, from labels to what each pod answers."""
    name, chance = "ruled", np.random.default_rng(7)
    accuracy = {"feedbackSecretName": "labels", "minSamples": 20}
    outputs = {"minAccuracy": 0.6}
    scene.deploy(name, 0, replicas=2, accuracy=accuracy, cache={"outputs": outputs})
    follow = [(pod, cache_of(pod, name, scene.rows[0])) for pod in serving_pods(scene, name)]
    assert [cache for _, cache in follow] == ["off", "off"]
    right = scene.checkpoints[0].answers.argmax(1)
    feedback(scene, name, scene.rows, right)
    live = scene.cluster.until("modeldeployment", name, is_caching(True))
    assert live["status"]["accuracy"]["source"] == "Feedback"
    assert live["status"]["accuracy"]["value"] == 1
    for pod, _ in follow:
        until_cache(pod, name, scene.rows[0], {"hit", "miss"})
        assert cache_of(pod, name, scene.rows[0]) == "hit"
    wrong = np.full(96, 10)  # of ten classes there is none such
    told = feedback(scene, name, chance.random((96, 64), dtype=np.float32), wrong)
    for pod, _ in follow:
        until_cache(pod, name, scene.rows[0], {"off"})
    seconds = time.time() - told[-1]["at"]
    live = scene.cluster.until("modeldeployment", name, is_caching(False))
    assert live["status"]["accuracy"]["value"] < 0.6
    policy = told_policy(scene, name)
    assert not policy.caching
    figure("caching off on 2 pods after the last wrong label", f"{seconds:.1f} s")


def feedback(scene: Stage, name: str, rows: np.ndarray, labels: np.ndarray) -> list[Object]:
    """Ask for each row, and label the answer; what came of it."""
    np.save(scene.folder / "asked.npy", rows)
    np.save(scene.folder / "labels.npy", labels)
    url = f"{scene.cluster.address(name)}/v2/models/{name}"
    files = (str(scene.folder / "asked.npy"), str(scene.folder / "labels.npy"))
    command = python_inside("-m", "bench.feedback", url, *files, "who may label")
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    told: list[Object] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["status"] for line in told} == {200}
    return told


def cache_of(pod: Object, name: str, row: np.ndarray) -> str:
    """What the pod's output cache has to do with the answer to a row."""
    body = json.dumps({"instances": [row.tolist()]})
    headers = ask(pod, "http", f"/v1/models/{name}:predict", body)["headers"]
    return str(headers[CACHE_HEADER.lower()])


def until_cache(pod: Object, name: str, row: np.ndarray, wanted: set[str]) -> None:
    """Ask the pod until its cache is as wanted: it hears of a decision within seconds."""
    end = time.monotonic() + 30
    while (seen := cache_of(pod, name, row)) not in wanted:
        assert time.monotonic() < end, f"still {seen}"


def is_caching(on: bool) -> Callable[[Object], bool]:
    return lambda live: live["status"].get("accuracy", {}).get("caching") is on
