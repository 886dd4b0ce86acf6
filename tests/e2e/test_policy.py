"""What pods are told while they run: the queue and the caches of a model that serves."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from bench.cluster import Object, python_inside
from bench.stage import Stage
from frazil_runtime.contract import CACHE_HEADER, METRICS_PATH, Policy

pytestmark = pytest.mark.e2e

# The kubelet renews a mounted ConfigMap when it next looks at the pod: within a minute or two.
RENEWAL_SECONDS = 240

# Standard library alone, and no proxy of this machine's.
ASK = """
import http.client, json, sys
address, path, body = sys.argv[1:]
connection = http.client.HTTPConnection(address, timeout=10)
connection.request("POST" if body else "GET", path, body or None)
answer = connection.getresponse()
headers = {name.lower(): value for name, value in answer.getheaders()}
print(json.dumps({"status": answer.status, "headers": headers, "text": answer.read().decode()}))
"""


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


def told(scene: Stage, name: str) -> Policy:
    """What the model's ConfigMap says now."""
    live = scene.cluster.get("configmap", f"{name}-policy")
    assert live is not None
    return Policy.from_json(live["data"]["policy.json"])


def follow_until(scene: Stage, pod: Object, pattern: str) -> None:
    """Read the pod's log until a line says this; AssertionError after ``RENEWAL_SECONDS``."""
    limit = f"--request-timeout={RENEWAL_SECONDS}s"
    command = scene.cluster.command("logs", pod["metadata"]["name"], "--follow", limit)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = any(re.search(pattern, line) for line in process.stdout)
        finally:
            process.terminate()
    assert found, f"{pattern} was not logged within {RENEWAL_SECONDS} s"


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


def ask(pod: Object, port: str, path: str, body: str = "") -> Object:
    """One request to the pod itself: its status, headers (in small letters) and text."""
    (container,) = pod["spec"]["containers"]
    number = {p["name"]: p["containerPort"] for p in container["ports"]}[port]
    address = f"{pod['status']['podIP']}:{number}"
    command = python_inside("-c", ASK, address, path, body)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: Object = json.loads(done.stdout)
    return answer


def serving_pods(scene: Stage, name: str) -> list[Object]:
    """The model's serving pods that are not on their way out."""
    pods = scene.cluster.find("pods", f"frazil.dev/serving={name}")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def identities(pods: list[Object]) -> set[tuple[str, int]]:
    """UID and restarts of each pod."""
    return {
        (pod["metadata"]["uid"], sum(c["restartCount"] for c in pod["status"]["containerStatuses"]))
        for pod in pods
    }
