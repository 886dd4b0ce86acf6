"""The size of a fleet follows its load: out when a crowd comes, in without losing a request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from e2e.pods import serving_pods

from bench.checkpoints import make
from bench.cluster import Object, condition
from bench.stage import Stage, stage

pytestmark = pytest.mark.e2e

# A run takes 10 ms of a core, so a pod with a fifth of one answers about 20 requests a second.
DEPTH = 200
SMALL = {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "200m"}}}
REFUSED = re.compile(r" 429 | RESOURCE_EXHAUSTED: ")
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
    story = [line for line in scene.cluster.events("busy") if line.startswith("Scaled: ")]
    assert story[0].startswith("Scaled: From 1 to "), story
    assert "session-seconds a second" in story[0]
    assert "to 1 pods" in story[-1]


def has_size(pods: int) -> Callable[[Object], bool]:
    """Whether the size is so large, or as small as 1, and all of it serves."""

    def wanted(live: Object) -> bool:
        desired = live["status"].get("scaling", {}).get("desired", 0)
        reached = desired == 1 if pods == 1 else desired >= pods
        return bool(reached and live["status"]["pods"] == f"{desired}/{desired}")

    return wanted
