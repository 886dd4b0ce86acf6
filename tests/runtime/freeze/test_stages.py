"""The Job's three containers, one after the other, over one folder."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.artifact_files import Conversion
from fakes.buckets import Bucket, Server
from obstore.store import LocalStore

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze import stages
from frazil_runtime.freeze.outcome import UnavailableError
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.work import Record, Work
from frazil_runtime.request_signatures import dtypes_as_requested

DIGEST = "sha256:" + "0" * 64


class Job:
    """Runs the containers, each with the same environment, over a new folder each time."""

    def __init__(self, environ: dict[str, str], root: Path) -> None:
        self.environ, self._root, self.conversion = environ, root, Conversion()
        self.lines: list[str] = []
        self.work = Work(root)
        self._pods = 0

    def run(self, request: FreezeRequest, *only: str) -> FreezeResult | None:
        """Run a new pod's containers, as far as ``only`` names them."""
        self._pods += 1
        self.work = Work(self._root / f"pod-{self._pods}")
        self.work.root.mkdir(parents=True)
        results = [self.stage(request, name) for name in only or contract.STAGES]
        assert results[:-1] == [None] * (len(results) - 1)
        return results[-1]

    def stage(self, request: FreezeRequest, name: str) -> FreezeResult | None:
        environ: MutableMapping[str, str] = self.environ | {
            contract.ENV_FREEZE_REQUEST: request.to_json(),
            contract.ENV_FREEZER_VERSION: "image@sha256:1",
            contract.ENV_WORK_DIR: str(self.work.root),
        }
        return stages.run(name, environ, self.lines.append, self.conversion)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A TF1 checkpoint of no meaning."""
    for ending, data in ((".index", b"i"), (".data-00000-of-00001", b"d"), (".meta", b"m")):
        (tmp_path / f"model.ckpt-1{ending}").write_bytes(data)
    return tmp_path / "model.ckpt-1"


@pytest.fixture
def request_(model: Path) -> FreezeRequest:
    return FreezeRequest(str(model), outputs={"y": "probs"})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store" / "cluster" / "namespace", mkdir=True)


@pytest.fixture
def job(tmp_path: Path, store: LocalStore) -> Job:
    environ = {
        contract.ENV_STORE_URL: (tmp_path / "store").as_uri(),
        contract.ENV_STORE_PREFIX: "cluster/namespace",
    }
    return Job(environ, tmp_path / "work")


def test_a_checkpoint_becomes_a_published_artifact(
    job: Job, store: LocalStore, request_: FreezeRequest
) -> None:
    result = job.run(request_)
    assert result is not None
    manifest = published(store, result.artifact)
    assert manifest is not None
    assert result.inputs == dtypes_as_requested(manifest) == {"x": "float32"}
    assert (result.checkpoint_bytes, result.reused) == (3, False)
    assert result.checkpoint == Record.read(job.work.record).checkpoint


def test_what_is_frozen_is_not_frozen_again(job: Job, request_: FreezeRequest) -> None:
    first = job.run(request_)
    second = job.run(request_)
    assert first is not None
    assert second == replace(first, reused=True)
    assert job.conversion.runs == 1


def test_the_same_files_elsewhere_are_the_same_checkpoint(
    job: Job, request_: FreezeRequest, model: Path
) -> None:
    first = job.run(request_)
    other = model.parent / "elsewhere"
    other.mkdir()
    for path in model.parent.glob("model.ckpt-1.*"):
        (other / path.name).write_bytes(path.read_bytes())
    again = job.run(replace(request_, uri=str(other / model.name)))
    assert first is not None
    assert again == replace(first, reused=True)


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        pytest.param({"tolerance": 1e-3}, 2, id="another option"),
        pytest.param({"samples": "samples.npz"}, 2, id="samples"),
        pytest.param({"digest": ""}, 1, id="nothing"),
    ],
)
def test_another_freeze_is_converted(
    job: Job, request_: FreezeRequest, model: Path, change: dict[str, object], runs: int
) -> None:
    job.run(request_)
    samples = model.parent / "samples.npz"
    samples.write_bytes(b"npz")
    if "samples" in change:
        change = {"samples": str(samples)}
    job.run(replace(request_, **change))  # type: ignore[arg-type]  # a table of any fields
    assert job.conversion.runs == runs


def test_an_index_entry_of_a_lost_artifact_is_converted_anew(
    job: Job, store: LocalStore, request_: FreezeRequest
) -> None:
    first = job.run(request_)
    assert first is not None
    store.delete(f"{contract.artifact_path(first.artifact)}/{contract.MANIFEST}")
    assert job.run(request_) == first
    assert published(store, first.artifact) is not None


@pytest.mark.parametrize("repeated", contract.STAGES)
def test_a_container_may_run_twice(job: Job, request_: FreezeRequest, repeated: str) -> None:
    job.run(request_, *contract.STAGES[: contract.STAGES.index(repeated) + 1])
    for name in contract.STAGES[contract.STAGES.index(repeated) :]:
        result = job.stage(request_, name)
    assert result is not None
    assert result.artifact


def test_a_pin_that_holds(job: Job, request_: FreezeRequest) -> None:
    first = job.run(request_)
    assert first is not None
    assert job.run(replace(request_, digest=first.checkpoint)) == replace(first, reused=True)


def test_a_pin_that_differs_says_both(job: Job, request_: FreezeRequest) -> None:
    with pytest.raises(FreezeError) as caught:
        job.run(replace(request_, digest=DIGEST))
    assert caught.value.exit is Exit.DIGEST_MISMATCH
    assert DIGEST in str(caught.value)
    assert job.conversion.runs == 0


def test_a_request_that_is_no_json(job: Job, request_: FreezeRequest) -> None:
    environ = {contract.ENV_FREEZE_REQUEST: "{", contract.ENV_WORK_DIR: "/"}
    with pytest.raises(FreezeError) as caught:
        stages.run("fetch", environ, job.lines.append)
    assert caught.value.exit is Exit.INVALID_REQUEST


def test_where_an_artifact_comes_from_is_noted_beside_it(
    job: Job, request_: FreezeRequest, tmp_path: Path
) -> None:
    result = job.run(request_)
    assert result is not None
    folder = tmp_path / "store/cluster/namespace" / contract.artifact_path(result.artifact)
    note = json.loads((folder / "provenance.json").read_bytes())
    assert note["checkpoint"] == result.checkpoint
    assert note["freezer"] == "image@sha256:1"
    assert note["request"]["outputs"] == {"y": "probs"}


@pytest.mark.integration
class TestOverBuckets:
    """Source and store in real buckets, each with its own credentials."""

    @pytest.fixture
    def job(self, any_bucket: Bucket, source: Bucket, tmp_path: Path) -> Job:
        environ = any_bucket.store_environ | source.environ
        return Job(environ, tmp_path / "work")

    @pytest.fixture
    def source(self, server_of_any: Server, model: Path) -> Bucket:
        source = server_of_any.bucket()
        store = source.open()
        for path in model.parent.glob("model.ckpt-1.*"):
            store.put(path.name, path)
        return source

    def test_frozen_once(self, job: Job, source: Bucket) -> None:
        request = FreezeRequest(f"{source.url}/model.ckpt-1", outputs={"y": "probs"})
        first, second = job.run(request), job.run(request)
        assert first is not None
        assert second == replace(first, reused=True)
        assert job.conversion.runs == 1

    @pytest.mark.parametrize("stage", ["fetch", "publish"])
    def test_a_store_out_of_order_is_another_try(
        self, job: Job, source: Bucket, stage: str
    ) -> None:
        request = FreezeRequest(f"{source.url}/model.ckpt-1", outputs={"y": "probs"})
        job.run(request, "fetch", "convert")
        name = contract.ENV_STORE_SECRET_ACCESS_KEY
        job.environ[name] = source.forged[name]
        with pytest.raises(UnavailableError, match="Frazil's store: access denied"):
            job.stage(request, stage)
