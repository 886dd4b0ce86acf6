"""What the operator does when nothing is to be done: nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bench.moments import operator_writes
from bench.stage import Stage

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]

IDLE_SECONDS = 60
FORCED = 100


@pytest.fixture(scope="module")
def three(scene: Stage) -> list[str]:
    """Three models that serve."""
    names = ["one", "two", "three"]
    for i, name in enumerate(names):
        scene.deploy(name, i)
    # The last pods of the rollouts go, and their ends are news that the operator looks at.
    scene.cluster.until_pods("frazil.dev/freeze", lambda pods: not any(map(_runs, pods)))
    return names


def test_idle_models_cost_no_write(scene: Stage, three: list[str], figure: Figure) -> None:
    since = datetime.now(UTC)
    # Nothing happening is what is measured: there is no event to await.
    time.sleep(IDLE_SECONDS)
    writes = [_sentence(w) for w in operator_writes(since, scene.cluster.namespace)]
    figure("idle, 3 models, 60 s", f"{len(writes)} writes besides the Lease")
    assert writes == []


def test_forced_reconciles_of_what_is_right_cost_no_write(
    scene: Stage, three: list[str], figure: Figure
) -> None:
    since = datetime.now(UTC)
    for i in range(FORCED):
        scene.cluster.kubectl(
            "annotate", "modeldeployment", three[i % 3], f"example.com/poke={i}", "--overwrite"
        )
    writes = [_sentence(w) for w in operator_writes(since, scene.cluster.namespace)]
    figure("100 forced reconciles", f"{len(writes)} writes besides the Lease")
    assert writes == []


def _runs(pod: dict[str, dict[str, str]]) -> bool:
    return pod["status"].get("phase") in ("Pending", "Running")


def _sentence(event: dict[str, dict[str, str]]) -> str:
    return f"{event['verb']} {event['requestURI']}"
