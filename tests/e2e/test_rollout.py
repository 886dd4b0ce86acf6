"""From one checkpoint to the next under load, and the disturbances a cluster has every day."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from e2e.pods import pod_ready, serving_pods

from bench.cluster import Object
from bench.moments import became_ready
from bench.stage import Stage
from bench.traffic import stale

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]


def test_a_model_serves_what_its_checkpoint_answers(scene: Stage) -> None:
    scene.deploy("least", 0)
    with scene.load("least", "--seconds=3") as flow:
        flow.finish()
    verdict = scene.judge(flow)
    assert verdict.failures == ()
    assert set(verdict.requests) == {"new", "keepalive", "grpc"}


def test_checkpoint_changes_in_a_row_under_load_fail_no_request(
    scene: Stage, figure: Figure, rounds: int
) -> None:
    scene.deploy("digits", 0)
    generations = {}
    with scene.load("digits") as flow:
        for checkpoint in range(1, rounds + 1):
            live = scene.deploy("digits", checkpoint)
            generations[live["status"]["stable"]["revision"]] = live["metadata"]["generation"]
    verdict = scene.judge(flow)
    figure("changes under load", f"{rounds} changes: {verdict}, {flow.rate:.0f} requests/s")
    assert verdict.failures == ()
    assert len(verdict.revisions) == rounds + 1
    ready = became_ready(scene.cluster.namespace, "digits")
    late = stale(flow.answers, [(r, ready[g] + 1.0) for r, g in generations.items()])
    figure("old answers after Ready", f"{len(late)} on connections opened > 1 s after Ready")
    assert late == []


@pytest.fixture
def pair(scene: Stage) -> Object:
    """A model of two replicas."""
    return scene.deploy("pair", 0, replicas=2)


def test_a_node_drain_of_one_pod_at_two_replicas_fails_no_request(
    scene: Stage, pair: Object, figure: Figure
) -> None:
    with scene.load("pair") as flow:
        pod = serving_pods(scene, "pair")[0]["metadata"]["name"]
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": scene.cluster.namespace},
        }
        path = f"/api/v1/namespaces/{scene.cluster.namespace}/pods/{pod}/eviction"
        scene.cluster.create_raw(path, eviction)
        back_at(scene, "pair", 2, without=pod)
    verdict = scene.judge(flow)
    figure("drain of one pod at 2 replicas", str(verdict))
    assert verdict.failures == ()


def test_a_deleted_pod_fails_no_request(scene: Stage, pair: Object, figure: Figure) -> None:
    with scene.load("pair") as flow:
        pod = serving_pods(scene, "pair")[0]["metadata"]["name"]
        scene.cluster.kubectl("delete", "pod", pod, "--wait=true")
        back_at(scene, "pair", 2, without=pod)
    verdict = scene.judge(flow)
    figure("a pod deleted", str(verdict))
    assert verdict.failures == ()


def test_scaling_from_three_to_one_fails_no_request(scene: Stage, figure: Figure) -> None:
    scene.deploy("shrinking", 0, replicas=3)
    with scene.load("shrinking") as flow:
        assert len(serving_pods(scene, "shrinking")) == 3
        scene.cluster.kubectl("scale", "modeldeployment", "shrinking", "--replicas=1")
        scene.cluster.until_pods("frazil.dev/serving=shrinking", lambda pods: len(pods) == 1)
    verdict = scene.judge(flow)
    figure("scale 3 → 1", str(verdict))
    assert verdict.failures == ()


def back_at(scene: Stage, name: str, replicas: int, *, without: str) -> None:
    """Wait until ``replicas`` pods are ready and the one named is gone."""

    def wanted(pods: list[Object]) -> bool:
        names = {pod["metadata"]["name"] for pod in pods}
        return without not in names and sum(map(pod_ready, pods)) == replicas

    scene.cluster.until_pods(f"frazil.dev/serving={name}", wanted)
