"""What every scenario on the real cluster needs: a namespace, a bucket, checkpoints, models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.bucket import SECRET, Bucket, bucket
from bench.checkpoints import Checkpoint
from bench.cluster import SYSTEM, Cluster, Object
from bench.traffic import Traffic, Verdict, judge, traffic

API_VERSION = "frazil.dev/v1alpha1"


@dataclass
class Stage:
    """One namespace with a bucket of checkpoints; ``references`` grows with each revision seen."""

    cluster: Cluster
    bucket: Bucket
    checkpoints: Sequence[Checkpoint]
    rows: np.ndarray
    folder: Path
    references: dict[str, np.ndarray] = field(default_factory=dict)

    def model(self, name: str, number: int, **spec: Any) -> Object:
        """The manifest of a model of one of the stage's checkpoints; ``spec`` adds to it."""
        source = {"uri": self.uri(number), "outputs": {"probabilities": "probabilities"}}
        source |= {"feeds": {"keep_prob": 1.0}, "secretName": SECRET}
        return {
            "apiVersion": API_VERSION,
            "kind": "ModelDeployment",
            "metadata": {"name": name},
            "spec": {"checkpoint": source | spec.pop("checkpoint", {}), **spec},
        }

    def uri(self, number: int) -> str:
        """Where a checkpoint lies in the bucket."""
        return f"s3://{self.bucket.name}/{number:03d}/model.ckpt"

    def deploy(self, name: str, number: int, **spec: Any) -> Object:
        """Apply, wait until it serves, remember what its revision must answer."""
        self.cluster.apply(self.model(name, number, **spec))
        live = self.cluster.ready(name)
        self.remember(live)
        return live

    def remember(self, live: Object) -> str:
        """Note what the live stable revision must answer; returns its name."""
        stable = live["status"]["stable"]
        index = int(stable["checkpoint"].split("/")[-2])
        self.references[stable["revision"]] = self.checkpoints[index].answers
        return str(stable["revision"])

    @contextmanager
    def load(self, name: str, *options: str) -> Iterator[Traffic]:
        """Constant load on the model's Service, over connections of every kind."""
        url = f"{self.cluster.address(name)}/v1/models/{name}:predict"
        with traffic(url, self.rows, self.folder, *options) as flow:
            yield flow

    def judge(self, flow: Traffic) -> Verdict:
        """Judge a load that has ended."""
        return judge(flow.answers, self.references)


@contextmanager
def stage(
    namespace: str, checkpoints: Sequence[Checkpoint], rows: np.ndarray, folder: Path
) -> Iterator[Stage]:
    """Set a namespace up under Pod Security ``restricted``; it is deleted afterwards."""
    cluster = Cluster(namespace)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels},
        }
    )
    try:
        with bucket(cluster, store_image()) as models:
            for checkpoint in checkpoints:
                models.upload(checkpoint.prefix.parent, checkpoint.prefix.parent.name)
            yield Stage(cluster, models, checkpoints, rows, folder)
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def store_image() -> str:
    """The S3 server's image, as the chart's own store runs it."""
    pods = Cluster(SYSTEM).find("pods", "app.kubernetes.io/component=store")
    return str(pods[0]["spec"]["containers"][0]["image"])
