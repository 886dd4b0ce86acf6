"""The frozen graph over labelled rows, by the real TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes.artifacts import tensor, write_artifact

from frazil_runtime.contract.evaluation import Evaluated, Evaluation
from frazil_runtime.freeze import dataset_npz, dataset_records
from frazil_runtime.freeze import evaluate as tensorflow
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.manifest import Signature

pytestmark = pytest.mark.tensorflow

WANTED = Evaluation("s3://a/holdout")
X = np.eye(4, dtype=np.float32)[[0, 1, 2, 3] * 20]  # [80, 4]: the model says the one that is hot
LABELS = np.array([0, 1, 2, 0] * 20)  # of which the fourth is wrong
SIGNATURE = Signature(
    (tensor("x", shape=(-1, 4)),),
    (tensor("scores", shape=(-1, 4)), tensor("sum")),
    batchable=True,
)
Records = list[dict[str, Any]]


def evaluate(artifact: Path, rows: Path, wanted: Evaluation) -> Evaluated:
    return tensorflow.evaluate(artifact, rows, wanted, lambda _: None)


def scores() -> None:
    x = tf.compat.v1.placeholder(tf.float32, [None, 4], "x")
    tf.nn.softmax(x, name="scores")
    tf.reduce_sum(x, 1, name="sum")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``scores`` [n, 4] and ``sum`` [n] of ``x`` [n, 4]."""
    directory = tmp_path_factory.mktemp("artifact")
    write_artifact(directory, scores, {"serving_default": SIGNATURE})
    return directory


def npz(path: Path, **arrays: Any) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def feature(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind == "S":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=array.reshape(-1).tolist()))
    if array.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=array.reshape(-1)))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=array.reshape(-1)))


def tfrecord(path: Path, records: Records, compression: str = "") -> Path:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            features = {name: feature(value) for name, value in record.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return path


def examples() -> Records:
    return [{"x": x, "labels": label} for x, label in zip(X, LABELS, strict=True)]


def in_npz(path: Path) -> Path:
    return npz(path, x=X, labels=LABELS)


def in_compressed_npz(path: Path) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, x=X.astype(np.float64), labels=LABELS[:, None])
    return path


def in_npz_by_columns(path: Path) -> Path:
    return npz(path, x=np.asfortranarray(X), labels=LABELS)


def in_tfrecord(path: Path) -> Path:
    return tfrecord(path, examples())


def in_gzip(path: Path) -> Path:
    return tfrecord(path, examples(), "GZIP")


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(in_npz, id="an npz"),
        pytest.param(in_compressed_npz, id="a compressed npz, of doubles"),
        pytest.param(in_npz_by_columns, id="an npz whose columns come first"),
        pytest.param(in_tfrecord, id="a TFRecord"),
        pytest.param(in_gzip, id="a TFRecord in gzip"),
    ],
)
def test_the_same_rows_are_worth_the_same_in_any_file(
    artifact: Path, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    wanted = Evaluation("s3://a/b", output="scores")
    found = evaluate(artifact, write(tmp_path / "rows"), wanted)
    assert found == Evaluated(wanted.key, 0.75, 80, {"right": 60, "scored": 80})


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        pytest.param(Evaluation("s3://a/b", "TopK", "scores", k=1), 0.5, id="the first"),
        pytest.param(Evaluation("s3://a/b", "MeanAbsoluteError", "sum"), 0.75, id="a quantity"),
    ],
)
def test_the_metric_and_the_output_are_those_asked_for(
    artifact: Path, tmp_path: Path, wanted: Evaluation, value: float
) -> None:
    rows = npz(tmp_path / "rows", x=X, labels=LABELS % 2)  # 0, 1, 0, 0, …; each row's sum is 1
    assert evaluate(artifact, rows, wanted).value == value


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        pytest.param({"x": X}, "lacks labels", id="no labels"),
        pytest.param({"image": X, "labels": LABELS}, "lacks x.*it has image", id="another name"),
        pytest.param({"x": X, "labels": LABELS[:9]}, "x has 80, labels has 9", id="fewer labels"),
        pytest.param({"x": X, "labels": 1}, "labels has 0", id="labels that are one number"),
        pytest.param({"x": X[:, :3], "labels": LABELS}, r"\[80, 3\]", id="another shape"),
        pytest.param({"x": X.astype("U"), "labels": LABELS}, "is <U", id="texts for numbers"),
        pytest.param({"x": X[:0], "labels": LABELS[:0]}, "has no rows", id="no rows"),
        pytest.param({"x": X, "labels": LABELS + 9.0}, "0 to 31 of", id="labels beyond"),
        pytest.param(
            {"x": X, "labels": np.full(80, np.nan)}, r"labels \[0\] is nan", id="NaN labels"
        ),
        pytest.param(
            {"x": X.astype(object), "labels": LABELS}, "Python objects", id="Python objects"
        ),
    ],
)
def test_an_npz_that_does_not_fit(
    artifact: Path, tmp_path: Path, arrays: dict[str, Any], says: str
) -> None:
    with pytest.raises(EvaluationError, match=f"(?s)spec.evaluation.dataset.*{says}|{says}"):
        evaluate(artifact, npz(tmp_path / "rows", **arrays), Evaluation("d", output="scores"))


GOOD = {"x": X[0], "labels": 0}


@pytest.mark.parametrize(
    ("records", "says"),
    [
        pytest.param([{"x": X[0]}], r"lacks labels.*\(record 0\)", id="no labels"),
        pytest.param([GOOD, {"labels": 0}], r"lacks x.*\(record 1\)", id="a record without input"),
        pytest.param([GOOD | {"x": X[0, :3]}], "has 3 values", id="too few values"),
        pytest.param([GOOD | {"x": b"ice"}], "is bytes_list", id="bytes for numbers"),
        pytest.param([GOOD, GOOD | {"labels": [0, 1]}], "one a sample", id="two labels"),
        pytest.param([], "has no rows", id="no records"),
    ],
)
def test_a_tfrecord_that_does_not_fit(
    artifact: Path, tmp_path: Path, records: Records, says: str
) -> None:
    with pytest.raises(EvaluationError, match=says):
        evaluate(artifact, tfrecord(tmp_path / "rows", records), Evaluation("d", output="scores"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"x,labels\n1,2\n" * 9, "neither an npz nor a TFRecord", id="a table"),
        pytest.param(b"PK\x03\x04 and so on", "not an npz", id="a damaged npz"),
        pytest.param(b"\x1f\x8b and so on", "neither", id="damaged gzip"),
    ],
)
def test_a_file_that_is_no_dataset(artifact: Path, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(EvaluationError, match=says):
        evaluate(artifact, tmp_path / "rows", Evaluation("d", output="scores"))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        pytest.param(WANTED, "several outputs.*one of scores, sum", id="which output is not said"),
        pytest.param(Evaluation("d", output="y"), "'y' is no output", id="no such output"),
        pytest.param(Evaluation("d", "Bleu", "scores"), "none of Accuracy", id="no such metric"),
    ],
)
def test_an_evaluation_that_does_not_fit(
    artifact: Path, tmp_path: Path, wanted: Evaluation, says: str
) -> None:
    with pytest.raises(EvaluationError, match=says):
        evaluate(artifact, in_npz(tmp_path / "rows"), wanted)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        pytest.param((), "not all inputs of the model have such", id="one number"),
        pytest.param((7, 4), "exactly 7 rows", id="seven rows"),
    ],
)
def test_a_model_that_takes_no_rows(tmp_path: Path, shape: tuple[int, ...], says: str) -> None:
    def same() -> None:
        tf.identity(tf.compat.v1.placeholder(tf.float32, shape, "x"), name="y")

    signature = Signature((tensor("x", shape=shape),), (tensor("y", shape=shape),))
    write_artifact(tmp_path, same, {"serving_default": signature})
    with pytest.raises(EvaluationError, match=says):
        evaluate(tmp_path, in_npz(tmp_path / "rows"), WANTED)


def test_a_model_of_one_row_is_fed_one_at_a_time(tmp_path: Path) -> None:
    def same() -> None:
        tf.identity(tf.compat.v1.placeholder(tf.float32, [1, 4], "x"), name="y")

    signature = Signature((tensor("x", shape=(1, 4)),), (tensor("y", shape=(1, 4)),))
    write_artifact(tmp_path, same, {"serving_default": signature})
    assert evaluate(tmp_path, in_tfrecord(tmp_path / "rows"), WANTED).value == 0.75


def test_of_a_tfrecord_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    whole = in_tfrecord(tmp_path / "rows").read_bytes()
    (tmp_path / "rows").write_bytes(whole[: len(whole) // 2 + 20])
    rows = dataset_records.read(tmp_path / "rows", SIGNATURE, 8)
    assert np.array_equal(next(rows).inputs["x"], X[:8])
    with pytest.raises(EvaluationError, match="damaged"):
        list(rows)


def test_of_an_npz_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    rows = dataset_npz.read(in_npz(tmp_path / "rows"), SIGNATURE, 8)
    assert [len(batch.labels) for batch in rows] == [8] * 10


def test_records_of_other_shapes_are_rows_of_another_run(tmp_path: Path) -> None:
    free = Signature((tensor("x", "int32", (-1, -1)),), ())
    records: Records = [{"x": [1] * size, "labels": 0} for size in (2, 2, 3, 0)]
    found = dataset_records.read(tfrecord(tmp_path / "rows", records), free, 8)
    shapes = [(batch.inputs["x"].shape, batch.inputs["x"].dtype.name) for batch in found]
    assert shapes == [((2, 2), "int32"), ((1, 3), "int32"), ((1, 0), "int32")]


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        pytest.param("uint8", 255, True, id="a byte"),
        pytest.param("uint8", 256, False, id="more than a byte"),
        pytest.param("float32", 3, True, id="a whole number for a float"),
        pytest.param("bool", 1, True, id="true"),
        pytest.param("int64", 0.5, False, id="a fraction for a whole number"),
        pytest.param("string", b"ice", True, id="a text"),
    ],
)
def test_what_a_feature_may_be(tmp_path: Path, dtype: str, value: Any, fits: bool) -> None:
    signature = Signature((tensor("x", dtype, (-1,)),), ())
    path = tfrecord(tmp_path / "rows", [{"x": value, "labels": 0}])
    rows = dataset_records.read(path, signature, 8)
    if fits:
        assert next(rows).inputs["x"].tolist() == [value]
    else:
        with pytest.raises(EvaluationError, match="does not take as it is"):
            next(rows)
