"""What is wrong with a checkpoint is said in the status, and the old revision goes on serving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from fakes import published as models

from bench.bucket import Bucket, artifacts
from bench.cluster import condition, is_false, is_ready
from bench.stage import Stage
from frazil_runtime.contract import GRAPH

pytestmark = pytest.mark.e2e

MODEL = "model"


@pytest.fixture(scope="module")
def serving(scene: Stage) -> Stage:
    """A model that serves, so that there is something to go on serving."""
    scene.deploy(MODEL, 0)
    return scene


def nothing(bucket: Bucket, folder: Path) -> dict[str, Any]:
    return {"uri": "s3://models/nowhere/model.ckpt"}


def truncated(bucket: Bucket, folder: Path) -> dict[str, Any]:
    for key in ("model.ckpt.meta", "model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        source = bucket.client.get_object(Bucket=bucket.name, Key=f"000/{key}")
        body = source["Body"].read()
        half = body[: len(body) // 2] if ".data-" in key else body
        bucket.client.put_object(Bucket=bucket.name, Key=f"truncated/{key}", Body=half)
    return {"uri": "s3://models/truncated/model.ckpt"}


def wrong_output(bucket: Bucket, folder: Path) -> dict[str, Any]:
    return {"outputs": {"probabilities": "probabilitys"}}


def object_based(bucket: Bucket, folder: Path) -> dict[str, Any]:
    tf.train.Checkpoint(weights=tf.Variable([1.0])).write(str(folder / "objects" / "ckpt"))
    bucket.upload(folder / "objects", "objects")
    return {"uri": "s3://models/objects/ckpt"}


def too_large(bucket: Bucket, folder: Path) -> dict[str, Any]:
    (folder / "large").mkdir()
    models.too_large_checkpoint(folder / "large")
    bucket.upload(folder / "large", "large")
    return {"uri": "s3://models/large/model.ckpt"}


def pinned_otherwise(bucket: Bucket, folder: Path) -> dict[str, Any]:
    return {"digest": "sha256:" + 64 * "0"}


BAD = {
    "a URI that does not exist": (nothing, "SourceNotFound", "spec.checkpoint.uri"),
    "a truncated checkpoint": (truncated, "InvalidCheckpoint", "upload all of them again"),
    "an output that is not in the graph": (wrong_output, "TensorNotFound", "probabilities"),
    "an object-based checkpoint without a graph": (object_based, "UnsupportedModel", "SavedModel"),
    "a graph over 2 GiB": (too_large, "ModelTooLarge", "float16"),
    "a digest pin that differs": (pinned_otherwise, "DigestMismatch", "sha256:"),
}


@pytest.mark.parametrize(("break_it", "reason", "hint"), BAD.values(), ids=BAD.keys())
def test_a_bad_checkpoint_is_named_and_the_old_revision_serves_on(
    serving: Stage,
    tmp_path: Path,
    break_it: Callable[[Bucket, Path], dict[str, Any]],
    reason: str,
    hint: str,
) -> None:
    checkpoint = break_it(serving.bucket, tmp_path)
    serving.cluster.apply(serving.model(MODEL, 0, checkpoint=checkpoint))
    live = serving.cluster.until("modeldeployment", MODEL, is_false())
    ready = condition(live, "Ready")
    assert ready["reason"] == reason
    assert hint in ready["message"]
    assert condition(live, "Available")["status"] == "True"
    assert condition(live, "Stalled")["status"] == "True"
    assert_serves(serving)


def test_credentials_without_permission_are_named(serving: Stage) -> None:
    secret = {"AWS_ACCESS_KEY_ID": "models", "AWS_SECRET_ACCESS_KEY": "wrong"}
    secret["AWS_ENDPOINT_URL"] = "http://bucket:7070"
    serving.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "wrong-credentials"},
            "stringData": secret,
        }
    )
    forbidden = {"secretName": "wrong-credentials"}
    serving.cluster.apply(serving.model(MODEL, 1, checkpoint=forbidden))
    serving.cluster.until("modeldeployment", MODEL, is_false("SourceForbidden"))
    assert_serves(serving)


def test_going_back_to_the_old_spec_is_ready_at_once(serving: Stage) -> None:
    serving.cluster.apply(serving.model(MODEL, 0))
    live = serving.cluster.until("modeldeployment", MODEL, is_ready)
    assert "rejected" not in live["status"]


def test_a_corrupt_artifact_is_refused_and_never_served(serving: Stage) -> None:
    live = serving.cluster.ready(MODEL)
    artifact = live["status"]["stable"]["artifact"]
    with artifacts(serving.cluster.namespace) as store:
        listing = store.client.list_objects_v2(Bucket=store.name)["Contents"]
        graph = next(
            entry["Key"] for entry in listing if entry["Key"].endswith(f"{artifact}/{GRAPH}")
        )
        store.client.put_object(Bucket=store.name, Key=graph, Body=b"not what was proved")
    another = {"env": [{"name": "EXAMPLE", "value": "another revision"}]}
    serving.cluster.apply(serving.model(MODEL, 0, serving=another))
    live = serving.cluster.until("modeldeployment", MODEL, is_false("InvalidArtifact"))
    assert GRAPH in condition(live, "Ready")["message"]
    assert_serves(serving)


def assert_serves(scene: Stage) -> None:
    """The first revision still answers, and rightly."""
    with scene.load(MODEL, "--seconds=1") as flow:
        flow.finish()
    assert scene.judge(flow).failures == ()
