"""Which pods are asked for their load."""

from __future__ import annotations

from typing import Any

import pytest

from frazil_operator import names
from frazil_operator.autoscale.pods import Pod, Pods
from frazil_operator.observed import Key

DIGITS, FACES = Key("vision", "digits"), Key("vision", "faces")


def pod(uid: str = "1", model: str = "digits", **changes: Any) -> dict[str, Any]:
    labels = {names.MODEL: model, names.SERVING: model}
    metadata = {"namespace": "vision", "name": uid, "uid": uid, "labels": labels}
    status = {"podIP": f"10.0.0.{uid}", "conditions": [{"type": "Ready", "status": "True"}]}
    return {
        "kind": "Pod",
        "metadata": metadata | changes.pop("metadata", {}),
        "status": status | changes,
    }


NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}
JOB = {"labels": {names.MODEL: "digits"}}

SEEN: dict[str, tuple[dict[str, Any], Pod | None]] = {
    "one that serves": (pod(), Pod("10.0.0.1", serves=True)),
    "one that starts may be asked, and need not answer": (pod(**NOT_READY), Pod("10.0.0.1", False)),
    "so may one that ends": (
        pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        Pod("10.0.0.1", serves=False),
    ),
    "one without an address yet": (pod(podIP=None), None),
    "one that was evicted": (pod(phase="Failed"), None),
    "a freeze Job's": (pod(metadata=JOB), None),
    "somebody else's": (pod(metadata={"labels": {}}), None),
}


@pytest.mark.parametrize(("body", "expected"), SEEN.values(), ids=SEEN)
def test_who_is_asked(body: dict[str, Any], expected: Pod | None) -> None:
    pods = Pods()
    pods.observe(body)
    assert pods.of(DIGITS).get("1") == expected


def test_only_what_changes_is_news() -> None:
    pods = Pods()
    assert pods.observe(pod()) == {DIGITS}
    assert pods.observe(pod(hostIP="192.0.2.1")) == set()
    assert pods.observe(pod(**NOT_READY)) == {DIGITS}
    assert pods.observe(pod(), deleted=True) == {DIGITS}
    assert pods.observe(pod(), deleted=True) == set()
    assert pods.models() == []


def test_a_list_replaces_all() -> None:
    pods = Pods()
    pods.replace("Pod", [pod("1"), pod("2"), pod("3", "faces")], "5")
    assert pods.replace("Pod", [pod("2"), pod("4")], "9") == {DIGITS, FACES}
    assert set(pods.of(DIGITS)) == {"2", "4"}
    assert pods.of(FACES) == {}
