"""The operator may die at any instant: it finishes what it began, and nobody notices."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from bench.cluster import condition, is_ready
from bench.controller import Operator, local_operator
from bench.stage import Stage

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]

WRITES_OF_A_ROLLOUT = (
    40  # more than it ever takes: the loop ends where no write is left to die after
)


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with local_operator() as running:
        yield running


@pytest.fixture(scope="module")
def model(scene: Stage, operator: Operator) -> str:
    operator.start()
    scene.deploy("model", 0, rollout={"revisionHistory": 1})
    operator.kill()
    return "model"


def test_killed_after_each_of_its_writes_it_ends_in_the_same_state(
    scene: Stage, operator: Operator, model: str, rounds: int, figure: Figure
) -> None:
    step = 1 if rounds >= 20 else 6
    deaths = 0
    with scene.load(model) as flow:
        for i, writes in enumerate(range(1, WRITES_OF_A_ROLLOUT, step)):
            scene.cluster.apply(scene.model(model, 1 + i % rounds, rollout={"revisionHistory": 1}))
            operator.start(kill_after_writes=writes)
            died = operator.dies_before(lambda: serves(scene, model))
            operator.kill()
            operator.start()
            scene.remember(scene.cluster.ready(model))
            operator.kill()
            deaths += died
            assert_one_of_each(scene, model)
            if not died:
                break
    verdict = scene.judge(flow)
    figure("killed after each API write", f"{deaths} kills: {verdict}")
    assert verdict.failures == ()
    assert deaths


def test_killed_at_random_instants_it_ends_in_the_same_state(
    scene: Stage, operator: Operator, model: str, rounds: int, figure: Figure
) -> None:
    seed = secrets.randbelow(10**6)
    chance = random.Random(seed)
    kills = min(10, rounds)
    with scene.load(model) as flow:
        for i in range(kills):
            scene.cluster.apply(scene.model(model, i % 2, rollout={"revisionHistory": 0}))
            operator.start()
            # The instant is the point of the test: there is no event to await.
            time.sleep(chance.uniform(0.2, 15.0))
            operator.kill()
            operator.start()
            scene.remember(scene.cluster.ready(model))
            operator.kill()
            assert_one_of_each(scene, model)
    verdict = scene.judge(flow)
    figure("killed at random instants", f"{kills} kills, seed {seed}: {verdict}")
    assert verdict.failures == (), f"seed {seed}"


def test_a_status_wiped_during_a_rollout_comes_back(
    scene: Stage, operator: Operator, model: str, figure: Figure
) -> None:
    operator.start()
    scene.cluster.apply(scene.model(model, 2))
    scene.cluster.until(
        "modeldeployment", model, lambda live: condition(live, "Frozen").get("status") == "True"
    )
    wipe(scene, model)
    live = scene.cluster.ready(model)
    operator.kill()
    scene.remember(live)
    assert live["status"]["stable"]["checkpoint"] == scene.uri(2)
    assert_one_of_each(scene, model)
    figure("status wiped during a rollout", "same end state")


def test_a_job_pod_deleted_while_the_operator_is_down_is_run_again(
    scene: Stage, operator: Operator, model: str, figure: Figure
) -> None:
    operator.start(kill_after_writes=WRITES_OF_A_ROLLOUT)
    scene.cluster.apply(scene.model(model, 3, checkpoint={"tags": ["serve", "again"]}))
    selector = f"frazil.dev/model={model},frazil.dev/freeze"
    scene.cluster.until_pods(selector, bool)
    operator.kill()
    scene.cluster.kubectl("delete", "pods", f"--selector={selector}", "--wait=true")
    operator.start()
    live = scene.cluster.ready(model)
    operator.kill()
    scene.remember(live)
    assert live["status"]["stable"]["checkpoint"] == scene.uri(3)
    figure("Job's pod deleted while the operator is down", "same end state")


def test_a_uri_overwritten_in_place_changes_nothing(
    scene: Stage, operator: Operator, model: str, figure: Figure
) -> None:
    operator.start()
    before = scene.cluster.ready(model)["status"]["stable"]["revision"]
    index = int(scene.uri(3).split("/")[-2])
    folder = scene.checkpoints[0].prefix.parent
    scene.bucket.upload(folder, f"{index:03d}")
    scene.cluster.kubectl("annotate", "modeldeployment", model, "example.com/touched=now")
    after = scene.cluster.ready(model)["status"]["stable"]["revision"]
    operator.kill()
    operator.start()
    restarted = scene.cluster.ready(model)["status"]["stable"]["revision"]
    operator.kill()
    assert (after, restarted) == (before, before)
    figure("URI overwritten in place", "no rollout")


def assert_one_of_each(scene: Stage, name: str) -> None:
    """No duplicate child: one revision has pods, and one Service, one PDB, one headless Service."""
    selector = f"frazil.dev/model={name}"
    deployments = scene.cluster.find("deployments", selector)
    assert sum(d["spec"]["replicas"] > 0 for d in deployments) == 1
    assert len(scene.cluster.find("services", selector)) == 2
    assert len(scene.cluster.find("poddisruptionbudgets", selector)) == 1
    revisions = [r["revision"] for r in scene.cluster.find("controllerrevisions", selector)]
    assert len(revisions) == len(set(revisions))


def serves(scene: Stage, name: str) -> bool:
    """Whether what the spec asks for serves now."""
    live = scene.cluster.get("modeldeployment", name)
    return live is not None and is_ready(live)


def wipe(scene: Stage, name: str) -> None:
    """Take the whole status away, as a restored backup would."""
    scene.cluster.kubectl(
        "patch", "modeldeployment", name, "--subresource=status", "--type=json",
        "-p", '[{"op": "remove", "path": "/status"}]',
    )  # fmt: skip
