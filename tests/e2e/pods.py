"""Serving pods of the real cluster: what they are told and say, and what they answer themselves."""

from __future__ import annotations

import json
import re
import subprocess

from bench.cluster import Object, python_inside
from bench.stage import Stage
from frazil_runtime.contract import Policy

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


def pod_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is True."""
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
