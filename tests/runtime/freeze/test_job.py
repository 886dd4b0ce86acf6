"""The freeze Job as Kubernetes runs it: three processes, each with its own credentials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.buckets import Bucket, Server

from frazil_runtime import contract
from frazil_runtime.artifacts import open_artifact
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.contract.evaluation import Evaluation
from frazil_runtime.freeze.request import FreezeRequest

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]

# What a machine needs to run Python at all; anything else a container is given.
_BARE = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}


@pytest.fixture
def source(server_of_any: Server) -> Bucket:
    """The user's bucket."""
    return server_of_any.bucket()


class Pod:
    """One pod of the Job."""

    def __init__(self, folder: Path, request: FreezeRequest, store: Bucket, source: Bucket) -> None:
        self._folder, self._store, self._source = folder, store, source
        folder.mkdir()
        self._common = _BARE | {
            contract.ENV_FREEZE_REQUEST: request.to_json(),
            contract.ENV_FREEZER_VERSION: "image@sha256:1",
            contract.ENV_WORK_DIR: str(folder / "work"),
            contract.ENV_TERMINATION_LOG: str(folder / "termination-log"),
            contract.ENV_STORE_PREFIX: "cluster/namespace",
        }

    def run(self, stage: str) -> tuple[int, FreezeResult | None]:
        """Exit code and termination message of one container."""
        credentials: Mapping[str, Mapping[str, str]] = {
            "fetch": self._store.store_environ | self._source.environ,
            "convert": {},
            "publish": self._store.store_environ,
        }
        log = self._folder / "termination-log"
        log.write_text("")
        command = [sys.executable, "-m", "frazil_runtime", "freeze-stage", stage]
        done = subprocess.run(command, env={**self._common, **credentials[stage]}, check=False)
        return done.returncode, FreezeResult.from_json(log.read_text())


@pytest.mark.parametrize(
    ("builder", "options", "output"),
    [
        pytest.param(
            "checkpoint",
            {"outputs": {"probabilities": "prob"}, "feeds": {"keep_prob": 1.0}},
            "probabilities",
            id="a TF1 checkpoint",
        ),
        pytest.param("table_tf2", {}, "vectors", id="a SavedModel with its vocabulary"),
    ],
)
def test_a_model_in_a_bucket_becomes_an_artifact_once(
    built: Callable[[Callable[[Path], Path]], Path],
    any_bucket: Bucket,
    source: Bucket,
    tmp_path: Path,
    *,
    builder: str,
    options: dict[str, Any],
    output: str,
) -> None:
    from fakes import published

    model = built(getattr(published, builder))
    uri = source.upload(model.parent, "models") + f"/{model.name}"
    request, bucket = FreezeRequest(uri, **options), any_bucket
    pod = Pod(tmp_path / "first", request, bucket, source)
    assert pod.run("fetch") == (Exit.OK, None)
    assert pod.run("convert") == (Exit.OK, None)
    code, result = pod.run("publish")
    assert code == Exit.OK
    assert result is not None
    environ = bucket.store_environ | {contract.ENV_STORE_PREFIX: "cluster/namespace"}
    directory = open_artifact(result.artifact, environ, tmp_path / "cache")
    manifest = json.loads((directory / contract.MANIFEST).read_bytes())
    outputs = manifest["signatures"]["serving_default"]["outputs"]
    assert output in {tensor["name"] for tensor in outputs}

    again = Pod(tmp_path / "second", request, bucket, source)
    assert [again.run(stage)[0] for stage in ("fetch", "convert")] == [Exit.OK, Exit.OK]
    _, reused = again.run("publish")
    assert reused is not None
    assert (reused.artifact, reused.reused) == (result.artifact, True)
    assert not (tmp_path / "second" / "work" / "converted").exists()


def test_an_artifact_is_evaluated_with_its_freeze_and_again_by_its_name(
    built: Callable[[Callable[[Path], Path]], Path],
    bucket: Bucket,
    s3: Server,
    tmp_path: Path,
) -> None:
    from fakes.published import checkpoint, weights

    prefix, source = built(checkpoint), s3.bucket()
    x = weights(40, 8, seed=1)
    labels = (np.maximum(x @ weights(8, 16), 0) @ weights(16, 3)).argmax(1)
    labels[:10] = (labels[:10] + 1) % 3
    np.savez(tmp_path / "holdout.npz", x=x, labels=labels)
    source.open().put("holdout.npz", tmp_path / "holdout.npz")
    request = FreezeRequest(
        source.upload(prefix.parent, "digits") + f"/{prefix.name}",
        outputs={"probabilities": "prob"},
        feeds={"keep_prob": 1.0},
        evaluation=Evaluation(f"{source.url}/holdout.npz"),
    )
    first = Pod(tmp_path / "first", request, bucket, source)
    *_, (code, result) = [first.run(stage) for stage in contract.STAGES]
    assert code == Exit.OK
    assert result is not None
    assert result.evaluation is not None
    assert result.evaluation.counts == {"right": 30, "scored": 40}

    wanted = Evaluation(f"{source.url}/holdout.npz", "TopK", k=2)
    named = FreezeRequest("s3://gone/model", evaluation=wanted, artifact=result.artifact)
    second = Pod(tmp_path / "second", named, bucket, source)
    *_, (code, again) = [second.run(stage) for stage in contract.STAGES]
    assert code == Exit.OK
    assert again is not None
    assert again.evaluation is not None
    assert (again.artifact, again.evaluation.key) == (result.artifact, wanted.key)
    assert 0.75 <= again.evaluation.value < 1
    assert not (tmp_path / "second" / "work" / "converted" / "artifact").exists()


def test_an_output_that_is_not_in_the_graph_ends_the_job(
    built: Callable[[Callable[[Path], Path]], Path],
    bucket: Bucket,
    s3: Server,
    tmp_path: Path,
) -> None:
    from fakes.published import checkpoint

    prefix, source = built(checkpoint), s3.bucket()
    uri = source.upload(prefix.parent, "digits") + f"/{prefix.name}"
    pod = Pod(tmp_path / "pod", FreezeRequest(uri, outputs={"y": "probs"}), bucket, source)
    assert pod.run("fetch") == (Exit.OK, None)
    code, result = pod.run("convert")
    assert code == Exit.TENSOR_NOT_FOUND
    assert result is not None
    assert result.reason == "TensorNotFound"
    assert "prob:0" in result.message
