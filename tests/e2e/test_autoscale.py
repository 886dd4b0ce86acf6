"""The size of a fleet follows its load: out when a crowd comes, in without losing a request."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median

import numpy as np
import pytest
from e2e.pods import pod_ready, serving_pods

from bench.checkpoints import make
from bench.cluster import SYSTEM, Cluster, Object, condition
from bench.controller import DEPLOYMENT
from bench.stage import Stage, stage

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]

# A run takes 10 ms of a core, so a pod with a fifth of one answers about 20 requests a second.
DEPTH = 200
SMALL = {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "200m"}}}
REFUSED = re.compile(r" 429 | RESOURCE_EXHAUSTED: ")
AWAY_SECONDS = 15
SCALING = {"minReplicas": 1, "maxReplicas": 4, "scaleInWindowSeconds": 20}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Iterator[Stage]:
    """A namespace with a checkpoint whose runs take longer than the HTTP work."""
    checkpoints = make(tmp_path_factory.mktemp("deep"), 1, rows, DEPTH)
    namespace = f"e2e-autoscale-{secrets.token_hex(2)}"
    with stage(namespace, checkpoints, rows, tmp_path_factory.mktemp("autoscale")) as ready:
        yield ready


@pytest.fixture(scope="module")
def busy(scene: Stage) -> Object:
    """A model that has little to do yet."""
    return scene.deploy("busy", 0, serving=SMALL, scaling=SCALING, batching={"maxBatchSize": 1})


def test_a_crowd_brings_pods_and_their_end_takes_none_of_its_answers(
    scene: Stage, busy: Object
) -> None:
    assert condition(busy, "ScalingActive")["reason"] == "FollowsLoad"
    assert busy["status"]["pods"] == "1/1"
    with scene.load("busy", "--rate=60", "--threads=20") as flow:
        grown = scene.cluster.until("modeldeployment", "busy", has_size(3))
        assert condition(grown, "Ready")["status"] == "True", "scaling is no trouble"
        scene.cluster.until_pods("frazil.dev/serving=busy", lambda pods: len(pods) >= 3)
    verdict = scene.judge(flow)
    assert [text for text in verdict.failures if not REFUSED.search(text)] == []
    with scene.load("busy", "--rate=4") as flow:
        scene.cluster.until("modeldeployment", "busy", has_size(1))
        scene.cluster.until_pods("frazil.dev/serving=busy", lambda pods: len(pods) == 1)
    assert scene.judge(flow).failures == ()
    assert len(serving_pods(scene, "busy")) == 1
    story = scaled(scene, "busy")
    assert story[0].startswith("Scaled: From 1 to "), story
    assert "session-seconds a second" in story[0]
    assert "to 1 pods" in story[-1]


def test_where_pods_are_isolated_the_operator_is_let_in(scene: Stage, busy: Object) -> None:
    """The cluster's network may enforce it or not: the objects come and go."""
    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    scene.cluster.apply(deny)
    scene.cluster.kubectl("wait", "networkpolicy", "busy-load", "--for=create", "--timeout=60s")
    scene.cluster.kubectl("delete", "networkpolicy", "deny")
    scene.cluster.kubectl("wait", "networkpolicy", "busy-load", "--for=delete", "--timeout=60s")


def test_an_operator_that_was_away_finds_the_size_and_leaves_it(scene: Stage, busy: Object) -> None:
    """Pods serve on without it, and what it has forgotten takes none of them away."""
    system = Cluster(SYSTEM)
    with scene.load("busy", "--rate=60", "--threads=20") as flow:
        scene.cluster.until("modeldeployment", "busy", has_size(3))
        before = scaled(scene, "busy")
        with without_operator(system):
            time.sleep(AWAY_SECONDS)  # for so long nobody looks: there is no event to await
        time.sleep(AWAY_SECONDS)  # nor is there to be one of its looks
        after = scaled(scene, "busy")
    assert [line for line in after[len(before) :] if "to 4 pods" not in line] == []
    verdict = scene.judge(flow)
    assert [text for text in verdict.failures if not REFUSED.search(text)] == []


@contextmanager
def without_operator(system: Cluster) -> Iterator[None]:
    """For the time of the block there is no operator."""
    system.kubectl("scale", "deployment", DEPLOYMENT, "--replicas=0")
    try:
        selector = "--selector=app.kubernetes.io/component=operator"
        system.kubectl("wait", "pod", "--for=delete", selector)
        yield
    finally:
        system.kubectl("scale", "deployment", DEPLOYMENT, "--replicas=1")
        system.kubectl("rollout", "status", "deployment", DEPLOYMENT, "--timeout=120s")


def scaled(scene: Stage, name: str) -> list[str]:
    """Each change of the size, as it was told."""
    return [line for line in scene.cluster.events(name) if line.startswith("Scaled: ")]


def test_a_spike_from_idle_is_answered_with_pods_in_seconds(
    scene: Stage, rounds: int, figure: Figure
) -> None:
    """Each round is a model of its own, that has had nothing to do yet."""
    spikes = [spike(scene, f"spike{number}") for number in range(max(1, rounds // 2))]
    for what in ("first patch", "four fifths patched", "first new pod answers"):
        seconds = sorted(each[what] for each in spikes)
        figure(f"spike: {what}", f"p95 {p95(seconds):.1f} s, median {median(seconds):.1f} s")
        assert seconds[-1] < 60, "whatever the machine does meanwhile"


def spike(scene: Stage, name: str) -> dict[str, float]:
    """From the first request of a crowd: seconds to the first patch, to four fifths of the size
    that it takes; and from the first patch to the readiness of the pods that it asked for."""
    scaling = {"maxReplicas": 6}
    scene.deploy(name, 0, serving=SMALL, scaling=scaling, batching={"maxBatchSize": 1})
    with scene.load(name, "--rate=25", "--threads=20") as flow:
        scene.cluster.until_pods(f"frazil.dev/serving={name}", two_ready)
        ready = time.time()
        scene.cluster.until("modeldeployment", name, has_size(4))
    begun = min(answer.sent for answer in flow.answers)
    sizes = resized(scene, name)
    most = max(pods for _, pods in sizes)
    first, enough = sizes[0][0], next(at for at, pods in sizes if pods >= 0.8 * most)
    scene.cluster.kubectl("delete", "modeldeployment", name, "--wait=false")
    return {
        "first patch": first - begun,
        "four fifths patched": enough - begun,
        "first new pod answers": ready - first,
    }


def resized(scene: Stage, name: str) -> list[tuple[float, int]]:
    """When the operator asked for another number of pods, and for how many: by its Events, which it
    writes just after."""
    found = []
    for event in scene.cluster.find("events"):
        told = re.match(r"From \d+ to (\d+) pods", event["message"])
        if told and event["involvedObject"]["name"] == name:
            at = datetime.fromisoformat(event["eventTime"]).timestamp()
            found.append((at, int(told[1])))
    return sorted(found)


def two_ready(pods: list[Object]) -> bool:
    return sum(map(pod_ready, pods)) >= 2


def p95(seconds: list[float]) -> float:
    """Of a sorted list; of few the largest."""
    return seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]


def has_size(pods: int) -> Callable[[Object], bool]:
    """Whether the size is so large, or as small as 1, and all of it serves."""

    def wanted(live: Object) -> bool:
        desired = live["status"].get("scaling", {}).get("desired", 0)
        reached = desired == 1 if pods == 1 else desired >= pods
        return bool(reached and live["status"]["pods"] == f"{desired}/{desired}")

    return wanted
