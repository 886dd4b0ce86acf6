"""A checkpoint on a volume: read where it is mounted, by the container that fetches alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bench.cluster import Object
from bench.stage import Stage

pytestmark = pytest.mark.e2e

CLAIM = "checkpoints"
BUSYBOX = "localhost/devcluster/busybox:1"  # on every node of the devcluster


@pytest.fixture
def volume(scene: Stage) -> str:
    """A claim that holds the first checkpoint; returns the checkpoint's URI."""
    scene.cluster.apply(claim(), writer())
    scene.cluster.kubectl("wait", "pod/writer", "--for=condition=Ready", "--timeout=60s")
    for path in sorted(scene.checkpoints[0].prefix.parent.iterdir()):
        copy(scene, path)
    scene.cluster.kubectl("delete", "pod", "writer", "--now")
    return f"pvc://{CLAIM}/model.ckpt"


def copy(scene: Stage, path: Path) -> None:
    """Write a file to the volume; again where it did not arrive whole.

    Now and then `kubectl exec` ends its command's input too early, without an error.
    """
    write = f"base64 -d > /data/{path.name}; wc -c < /data/{path.name}"
    text, size = base64.b64encode(path.read_bytes()).decode(), path.stat().st_size
    exec_ = ("exec", "-i", "writer", "--", "sh", "-c", write)
    assert any(int(scene.cluster.kubectl(*exec_, stdin=text)) == size for _ in range(5))


def test_a_checkpoint_on_a_volume_is_served(scene: Stage, volume: str) -> None:
    model = scene.model("model", 0, checkpoint={"uri": volume})
    del model["spec"]["checkpoint"]["secretName"]
    scene.cluster.apply(model)
    live = scene.cluster.ready("model")
    scene.references[live["status"]["stable"]["revision"]] = scene.checkpoints[0].answers
    with scene.load("model", "--seconds=1") as flow:
        flow.finish()
    assert scene.judge(flow).failures == ()


def claim() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Mi"}},
        },
    }


def writer() -> Object:
    """A pod that somebody fills the volume from."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "writer",
        "image": BUSYBOX,
        "imagePullPolicy": "Never",
        "command": ["sleep", "600"],
        "securityContext": security,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writer"},
        "spec": {"containers": [container], "volumes": [volume]},
    }
