"""What pods are told while they run: the queue and the caches of a model that serves."""

from __future__ import annotations

import json
import re

import pytest
from e2e.pods import ask, follow_until, identities, serving_pods, told

from bench.cluster import Object
from bench.stage import Stage
from frazil_runtime.contract import CACHE_HEADER, METRICS_PATH

pytestmark = pytest.mark.e2e


def test_a_change_of_the_queue_reaches_the_pods_and_restarts_none(scene: Stage) -> None:
    before = scene.deploy("queued", 0, replicas=2)
    pods = serving_pods(scene, "queued")
    after = scene.deploy("queued", 0, replicas=2, queue={"order": "Fifo", "maxWaitSeconds": 3})
    policy = told(scene, "queued")
    assert (policy.order, policy.max_wait_seconds) == ("Fifo", 3.0)
    for pod in pods:
        follow_until(scene, pod, rf"policy {policy.number}:")
        assert policy_number(pod) == policy.number
    assert identities(serving_pods(scene, "queued")) == identities(pods)
    assert after["status"]["stable"]["revision"] == before["status"]["stable"]["revision"]


def test_a_question_asked_again_is_answered_from_the_cache_where_that_is_always_on(
    scene: Stage,
) -> None:
    scene.deploy("cached", 0, cache={"outputs": {"mode": "Always"}})
    (pod,) = serving_pods(scene, "cached")
    follow_until(scene, pod, rf"policy {told(scene, 'cached').number}:")
    first, second = predict(scene, pod, "cached"), predict(scene, pod, "cached")
    assert first["headers"][CACHE_HEADER.lower()] == "miss"
    assert second["headers"][CACHE_HEADER.lower()] == "hit"
    assert second["text"] == first["text"]


def test_without_a_measured_accuracy_nothing_is_cached(scene: Stage) -> None:
    scene.deploy("plain", 0)
    (pod,) = serving_pods(scene, "plain")
    answers = [predict(scene, pod, "plain") for _ in range(2)]
    assert [answer["headers"][CACHE_HEADER.lower()] for answer in answers] == ["off", "off"]


def policy_number(pod: Object) -> float:
    """The policy that the pod says it follows."""
    text = ask(pod, "admin", METRICS_PATH)["text"]
    found = re.search(r"^frazil_policy_number (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def predict(scene: Stage, pod: Object, name: str) -> Object:
    """The answer to the stage's first row."""
    body = json.dumps({"instances": [scene.rows[0].tolist()]})
    answer = ask(pod, "http", f"/v1/models/{name}:predict", body)
    assert answer["status"] == 200, answer["text"]
    return answer
