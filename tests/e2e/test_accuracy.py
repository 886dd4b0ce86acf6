"""Answers that can be held against labels: from the Secret to what the pods have counted."""

from __future__ import annotations

import json

import pytest
from e2e.pods import ask, follow_until, serving_pods, told

from bench.cluster import Object
from bench.stage import Stage
from frazil_runtime.contract.accuracy import ACCURACY_PATH, ID_HEADER, Counts, Tally

pytestmark = pytest.mark.e2e

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
        follow_until(scene, pod, rf"policy {told(scene, NAME).number}:")
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
