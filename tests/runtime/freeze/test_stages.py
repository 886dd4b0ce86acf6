"""The Job's three containers, one after the other, over one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.artifact_files import Conversion, Scoring
from fakes.buckets import Bucket, Server
from obstore.store import LocalStore

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.contract.evaluation import Evaluated, Evaluation, evaluation_path
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
        self.evaluation = Scoring()
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
        say = self.lines.append
        return stages.run(name, environ, say, self.conversion, evaluator=self.evaluation)


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


@pytest.fixture
def holdout(tmp_path: Path) -> Path:
    """A dataset of three bytes, which the fake evaluation takes for three samples."""
    path = tmp_path / "holdout"
    path.write_bytes(b"npz")
    return path


class TestEvaluation:
    """What is measured in the same containers, after the freeze or instead of one."""

    @pytest.fixture
    def request_(self, request_: FreezeRequest, holdout: Path) -> FreezeRequest:
        return replace(request_, evaluation=Evaluation(str(holdout)))

    @pytest.fixture
    def sidecar(self, tmp_path: Path, request_: FreezeRequest) -> Callable[[FreezeResult], Path]:
        """Where the evaluation lies beside its artifact."""
        assert request_.evaluation
        key = request_.evaluation.key

        def path(result: FreezeResult) -> Path:
            root = tmp_path / "store/cluster/namespace"
            return root / evaluation_path(result.artifact, key)

        return path

    def run(self, job: Job, request: FreezeRequest) -> FreezeResult:
        result = job.run(request)
        assert result is not None
        assert result.evaluation is not None
        assert request.evaluation is not None
        assert result.evaluation.key == request.evaluation.key
        return result

    def test_an_artifact_is_evaluated_and_what_came_of_it_lies_beside_it(
        self, job: Job, request_: FreezeRequest, sidecar: Callable[[FreezeResult], Path]
    ) -> None:
        result = self.run(job, request_)
        assert result.evaluation
        assert (result.evaluation.value, result.evaluation.samples) == (0.5, 3)
        note = json.loads(sidecar(result).read_bytes())
        assert Evaluated.read(note["result"]) == result.evaluation
        assert note["evaluation"]["metric"] == "Accuracy"
        assert FreezeResult.from_json(result.to_json()) == result

    def test_it_is_no_part_of_the_artifact(self, job: Job, request_: FreezeRequest) -> None:
        alone = job.run(replace(request_, evaluation=None))
        assert alone is not None
        assert self.run(job, request_).artifact == alone.artifact
        assert (job.conversion.runs, job.evaluation.runs) == (1, 1)

    def test_what_was_evaluated_is_not_evaluated_again(
        self, job: Job, request_: FreezeRequest
    ) -> None:
        first = self.run(job, request_)
        assert self.run(job, request_) == replace(first, reused=True)
        assert (job.conversion.runs, job.evaluation.runs) == (1, 1)

    def test_other_rows_at_the_same_place_are(
        self, job: Job, request_: FreezeRequest, holdout: Path
    ) -> None:
        self.run(job, request_)
        holdout.write_bytes(b"four")
        again = self.run(job, request_).evaluation
        assert again
        assert (again.samples, job.conversion.runs, job.evaluation.runs) == (4, 1, 2)

    def test_another_evaluation_of_a_named_artifact_needs_no_checkpoint(
        self, job: Job, request_: FreezeRequest, model: Path
    ) -> None:
        first = self.run(job, request_)
        for path in model.parent.glob("model.ckpt-1.*"):
            path.unlink()
        assert request_.evaluation
        wanted = replace(request_.evaluation, metric="TopK")
        again = self.run(job, replace(request_, evaluation=wanted, artifact=first.artifact))
        assert (again.artifact, again.reused, again.inputs) == (first.artifact, True, first.inputs)
        assert (job.conversion.runs, job.evaluation.runs) == (1, 2)

    def test_a_named_artifact_that_is_gone_is_not_frozen_again(
        self, job: Job, store: LocalStore, request_: FreezeRequest
    ) -> None:
        first = self.run(job, request_)
        store.delete(f"{contract.artifact_path(first.artifact)}/{contract.MANIFEST}")
        with pytest.raises(FreezeError, match=r"frazil\.dev/refreeze") as caught:
            job.run(replace(request_, artifact=first.artifact))
        assert caught.value.exit is Exit.EVALUATION_FAILED

    def test_a_dataset_that_does_not_fit_costs_no_second_freeze(
        self, job: Job, store: LocalStore, request_: FreezeRequest, holdout: Path
    ) -> None:
        holdout.write_bytes(b"")
        with pytest.raises(FreezeError, match="no rows") as caught:
            job.run(request_)
        assert caught.value.exit is Exit.EVALUATION_FAILED
        holdout.write_bytes(b"npz")
        assert self.run(job, request_).reused
        assert job.conversion.runs == 1

    def test_a_dataset_that_is_not_there(
        self, job: Job, request_: FreezeRequest, holdout: Path
    ) -> None:
        holdout.unlink()
        with pytest.raises(FreezeError, match=r"Check spec\.evaluation\.dataset") as caught:
            job.run(request_)
        assert caught.value.exit is Exit.SOURCE_NOT_FOUND

    @pytest.mark.parametrize("repeated", contract.STAGES)
    def test_a_container_may_run_twice(
        self, job: Job, request_: FreezeRequest, repeated: str
    ) -> None:
        first = self.run(job, request_)
        assert request_.evaluation
        wanted = replace(request_.evaluation, metric="TopK")
        again = replace(request_, evaluation=wanted, artifact=first.artifact)
        job.run(again, *contract.STAGES[: contract.STAGES.index(repeated) + 1])
        for name in contract.STAGES[contract.STAGES.index(repeated) :]:
            result = job.stage(again, name)
        assert result is not None
        assert result.evaluation

    @pytest.mark.parametrize(
        "written",
        [
            pytest.param("", id="nothing"),
            pytest.param("[]", id="no object"),
            pytest.param('{"result": {"value": NaN}}', id="half of it"),
        ],
    )
    def test_what_the_model_wrote_in_its_place_is_not_believed(
        self, job: Job, request_: FreezeRequest, written: str
    ) -> None:
        job.run(request_, "fetch", "convert")
        job.work.evaluation.write_text(written)
        with pytest.raises(UnavailableError, match="cannot be read"):
            job.stage(request_, "publish")


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

    def test_evaluated_by_its_name(self, job: Job, source: Bucket) -> None:
        source.open().put("holdout", b"npz")
        request = FreezeRequest(f"{source.url}/model.ckpt-1", outputs={"y": "probs"})
        first = job.run(request)
        assert first is not None
        wanted = Evaluation(f"{source.url}/holdout")
        again = replace(request, evaluation=wanted, artifact=first.artifact)
        for _ in range(2):
            found = job.run(again)
            assert found is not None
            assert found.evaluation
            assert found.evaluation.samples == 3
        assert (job.conversion.runs, job.evaluation.runs) == (1, 1)

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
