"""What the cluster refuses is said in the status, and heals by itself when the cause goes."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from bench.cluster import Object, condition, is_false
from bench.stage import Stage

pytestmark = pytest.mark.e2e


@pytest.fixture
def serving(scene: Stage) -> Stage:
    """A model that serves."""
    scene.deploy("model", 0)
    return scene


def test_a_candidate_without_enough_memory_is_rejected_as_oom_killed(serving: Stage) -> None:
    tiny = {"requests": {"cpu": "100m", "memory": "24Mi"}, "limits": {"memory": "24Mi"}}
    serving.cluster.apply(serving.model("model", 0, serving={"resources": tiny}))
    live = serving.cluster.until("modeldeployment", "model", is_false())
    assert condition(live, "Ready")["reason"] == "OOMKilled"
    assert "memory" in condition(live, "Ready")["message"]
    assert live["status"]["rejected"]["reason"] == "OOMKilled"
    assert_serves(serving)


def test_an_unschedulable_candidate_stalls_until_a_node_fits(serving: Stage) -> None:
    selector = {"nodeSelector": {"example.com/disk": "fast"}}
    serving.cluster.apply(serving.model("model", 0, serving=selector))
    live = serving.cluster.until("modeldeployment", "model", is_false())
    assert condition(live, "Ready")["reason"] == "Unschedulable"
    assert_serves(serving)
    node = serving.cluster.find("nodes")[0]["metadata"]["name"]
    serving.cluster.kubectl("label", "node", node, "example.com/disk=fast")
    try:
        healed = serving.cluster.ready("model")
        serving.remember(healed)
    finally:
        serving.cluster.kubectl("label", "node", node, "example.com/disk-")


def test_a_quota_stalls_the_candidate_until_it_is_raised(serving: Stage) -> None:
    used = sum(p["status"]["phase"] in ("Pending", "Running") for p in serving.cluster.find("pods"))
    serving.cluster.apply(quota(used))
    serving.cluster.apply(serving.model("model", 0, serving=variant("quota")))
    live = serving.cluster.until("modeldeployment", "model", is_false())
    assert condition(live, "Ready")["reason"] == "QuotaExceeded"
    assert "exceeded quota" in condition(live, "Ready")["message"]
    assert_serves(serving)
    serving.cluster.apply(quota(used + 10))
    serving.remember(serving.cluster.ready("model"))


def test_an_admission_refusal_stalls_the_candidate_until_it_is_lifted(serving: Stage) -> None:
    # Frazil's pods satisfy the strictest Pod Security profile and no field of a model can change
    # that, so a policy of the cluster's own stands in: both refuse the ReplicaSet's pods alike.
    namespace = serving.cluster.namespace
    refuse_pods(serving)
    try:
        refused = serving.model("model", 0, serving=variant("admission"))
        serving.cluster.apply(refused)
        live = serving.cluster.until("modeldeployment", "model", is_false())
        assert "no pods today" in condition(live, "Ready")["message"]
        assert condition(live, "Stalled")["status"] == "True"
        assert_serves(serving)
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            serving.cluster.kubectl("delete", kind, namespace)
    serving.remember(serving.cluster.ready("model"))


def test_a_model_named_like_a_foreign_service_touches_nothing(scene: Stage) -> None:
    foreign: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken"},
        "spec": {"selector": {"app": "somebody-else"}, "ports": [{"port": 80}]},
    }
    scene.cluster.apply(foreign)
    scene.cluster.apply(scene.model("taken", 0))
    live = scene.cluster.until("modeldeployment", "taken", is_false())
    assert condition(live, "Accepted")["reason"] == "NameConflict"
    service = scene.cluster.get("service", "taken")
    assert service is not None
    assert service["spec"]["selector"] == {"app": "somebody-else"}
    scene.cluster.kubectl("delete", "service", "taken")
    scene.cluster.ready("taken")


def quota(pods: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pods"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def refuse_pods(scene: Stage) -> None:
    """A policy that refuses every new pod of the namespace; returns once it is in force."""
    api, namespace = "admissionregistration.k8s.io/v1", scene.cluster.namespace
    scope = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    policy = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [rule | {"resources": ["pods"]}]},
            "validations": [{"expression": "false", "message": "no pods today"}],
        },
    }
    binding = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": scope},
        },
    }
    scene.cluster.apply(policy, binding)
    pod = scene.cluster.find("pods", "frazil.dev/serving=model")[0]
    probe = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": pod["spec"]}
    deadline = time.monotonic() + 60
    # The API server says nowhere that a policy has come into force: it is asked until it has.
    while time.monotonic() < deadline:
        try:
            scene.cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(probe))
        except subprocess.CalledProcessError as error:
            if "no pods today" in error.stderr:
                return
    raise TimeoutError("the policy did not come into force")


def variant(name: str) -> dict[str, Any]:
    """A change of ``serving`` that makes another revision of the same artifact."""
    return {"env": [{"name": "EXAMPLE", "value": name}]}


def assert_serves(scene: Stage) -> None:
    """The old revision still answers, and rightly."""
    with scene.load("model", "--seconds=1") as flow:
        flow.finish()
    assert scene.judge(flow).failures == ()
