"""What cannot be frozen says what is wrong, where, and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.convert import convert
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

pytestmark = pytest.mark.tensorflow

DROPOUT_OFF = {"outputs": {"prob": "prob"}, "feeds": {"keep_prob": 1.0}}


def refusal(source: Path, target: Path, **fields: Any) -> FreezeError:
    with pytest.raises(FreezeError) as caught:
        convert(source, FreezeRequest("file:///model", **fields), target, lambda _: None)
    return caught.value


@pytest.mark.parametrize(
    ("builder", "fields", "code", "says"),
    [
        pytest.param(
            models.checkpoint,
            {"outputs": {"prob": "prb"}},
            Exit.TENSOR_NOT_FOUND,
            ["output 'prob=prb:0' is not in the graph", "nearest are 'prob:0'"],
            id="an output that is not in the graph: the nearest names",
        ),
        pytest.param(
            models.checkpoint,
            {"inputs": {"x": "xx:0"}, **DROPOUT_OFF},
            Exit.TENSOR_NOT_FOUND,
            ["input 'x=xx:0' is not in the graph", "'x:0'"],
            id="an input that is not in the graph: the nearest names",
        ),
        pytest.param(
            models.checkpoint,
            {"outputs": {"prob": "prob:3"}},
            Exit.TENSOR_NOT_FOUND,
            ["'prob=prob:3' is not in the graph", "'prob:0'"],
            id="an output number that the node does not have",
        ),
        pytest.param(
            models.checkpoint,
            {"outputs": {"prob": "prob"}, "feeds": {"keep_pro": 1.0}},
            Exit.TENSOR_NOT_FOUND,
            ["feed 'keep_pro' is not a placeholder", "'keep_prob'"],
            id="a feed that is not in the graph: the nearest placeholders",
        ),
        pytest.param(
            models.checkpoint,
            {"outputs": {"prob": "prob"}, "feeds": {"keep_prob": "much"}},
            Exit.INVALID_REQUEST,
            ["'keep_prob' is a float32 placeholder", "'much'"],
            id="a feed of another type",
        ),
        pytest.param(
            models.checkpoint,
            {"inputs": {"x": "x", "keep": "keep_prob"}, **DROPOUT_OFF},
            Exit.INVALID_REQUEST,
            ["keep stands in `inputs`", "`feeds`"],
            id="an input that is fed a constant",
        ),
        pytest.param(
            models.mixed_signatures,
            {"inputs": {"x": "nowhere"}},
            Exit.INVALID_REQUEST,
            ["`inputs`", "only with `outputs`"],
            id="inputs without outputs",
        ),
        pytest.param(
            models.checkpoint,
            {"outputs": {"prob": "prob"}, "inputs": {"x": "x"}},
            Exit.TENSOR_NOT_FOUND,
            ["placeholders keep_prob", "`feeds`"],
            id="a placeholder that nobody feeds",
        ),
        pytest.param(
            models.checkpoint,
            {},
            Exit.TENSOR_NOT_FOUND,
            ["`outputs`", "Candidates: prob (Softmax)"],
            id="a bare checkpoint without outputs: the likely ones",
        ),
        pytest.param(
            models.frozen_graph,
            {},
            Exit.TENSOR_NOT_FOUND,
            ["`outputs`", "Candidates: y (MatMul)"],
            id="a frozen graph without outputs: the likely ones",
        ),
        pytest.param(
            models.object_checkpoint,
            {},
            Exit.UNSUPPORTED_MODEL,
            ["object-based checkpoint", "tf.saved_model.save", "model.export"],
            id="a TF2 checkpoint without a graph: what to export instead",
        ),
        pytest.param(
            models.keras_lambda,
            {},
            Exit.UNSUPPORTED_MODEL,
            ["Lambda layer 'double'", "model.export"],
            id="a Lambda layer, by its name",
        ),
        pytest.param(
            models.keras_custom,
            {},
            Exit.UNSUPPORTED_MODEL,
            ["published.Scale (layer 'scale')", "model.export"],
            id="a class of the user's own, by its name",
        ),
        pytest.param(
            models.python_function,
            {"outputs": {"y": "python"}},
            Exit.UNSUPPORTED_MODEL,
            ["nodes python call Python code"],
            id="a Python function, by its node",
        ),
        pytest.param(
            models.too_large_checkpoint,
            {"outputs": {"y": "probabilities"}},
            Exit.MODEL_TOO_LARGE,
            ["would have 4.00 GiB", "float16"],
            id="weights of more than 2 GiB, before any is read",
        ),
        pytest.param(
            models.queue_checkpoint,
            {"outputs": {"y": "y"}},
            Exit.UNSUPPORTED_MODEL,
            ["nodes batch (QueueDequeueManyV2) read from an input queue", "placeholder"],
            id="an input queue, by its node",
        ),
        pytest.param(
            models.mixed_signatures,
            {"signature": "ragged"},
            Exit.UNSUPPORTED_MODEL,
            ["'ragged'", "'y' is a ragged tensor"],
            id="a ragged signature, by its tensor",
        ),
        pytest.param(
            models.mixed_signatures,
            {"signature": "train"},
            Exit.UNSUPPORTED_MODEL,
            ["'train'", "change variables"],
            id="a signature that trains, by its nodes",
        ),
        pytest.param(
            models.mixed_signatures,
            {"signature": "classify"},
            Exit.TENSOR_NOT_FOUND,
            ["no signature 'classify'", "serving_default, total", "ragged (not served"],
            id="a signature that there is not: those there are",
        ),
        pytest.param(
            models.mixed_signatures,
            {"tags": ("train",)},
            Exit.INVALID_REQUEST,
            ["no graph with the tags ['train']", "[['serve']]"],
            id="tags that there are not: those there are",
        ),
        pytest.param(
            models.checkpoint,
            {"format": "Onnx"},
            Exit.INVALID_REQUEST,
            ["'Onnx'", "SavedModel"],
            id="a format that is not read",
        ),
    ],
)
def test_a_request_that_does_not_fit_the_model(
    builder: Any,
    fields: dict[str, Any],
    code: Exit,
    says: list[str],
    built: Callable[..., Path],
) -> None:
    source = built(builder)
    error = refusal(source, source.parent / "artifact", **fields)
    assert error.exit is code
    assert [part for part in says if part not in str(error)] == []


def without_meta(directory: Path) -> Path:
    prefix = models.checkpoint(directory)
    prefix.with_name(f"{prefix.name}.meta").unlink()
    return prefix


def broken_meta(directory: Path) -> Path:
    prefix = models.checkpoint(directory)
    prefix.with_name(f"{prefix.name}.meta").write_bytes(b"not a meta graph")
    return prefix


def truncated_data(directory: Path) -> Path:
    prefix = models.checkpoint(directory)
    (shard,) = directory.glob("*.data-*")
    shard.write_bytes(shard.read_bytes()[:200])
    return prefix


def truncated_index(directory: Path) -> Path:
    prefix = models.checkpoint(directory)
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(index.read_bytes()[:20])
    return prefix


def missing_shard(directory: Path) -> Path:
    prefix = models.checkpoint(directory)
    (shard,) = directory.glob("*.data-*")
    shard.unlink()
    return prefix


def other_variables(directory: Path) -> Path:
    prefix, other = models.checkpoint(directory), models.batch_norm_checkpoint(directory)
    for suffix in (".index", ".data-00000-of-00001"):
        shutil.copy(f"{other}{suffix}", f"{prefix}{suffix}")
    return prefix


def broken_savedmodel(directory: Path) -> Path:
    target = directory / "saved_model"
    target.mkdir()
    (target / "saved_model.pb").write_bytes(b"not a SavedModel")
    return target


def empty_directory(directory: Path) -> Path:
    return directory


def missing_asset(directory: Path) -> Path:
    target = models.table_tf1(directory)
    (target / "assets" / "vocab.txt").unlink()
    return target


def vocabulary_elsewhere(directory: Path) -> Path:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        vocabulary = directory / "elsewhere"
        vocabulary.mkdir()
        models.table_graph(vocabulary)
        session.run(tf.compat.v1.global_variables_initializer())
        return Path(tf.compat.v1.train.Saver().save(session, str(directory / "model.ckpt")))


def asset_outside(directory: Path) -> Path:
    target = models.table_tf1(directory)
    path = target / "saved_model.pb"
    data = path.read_bytes()
    assert data.count(b"\x12\tvocab.txt") == 1
    path.write_bytes(data.replace(b"\x12\tvocab.txt", b"\x12\t../../abc"))
    (directory / "abc").write_text("secret")
    return target


def broken_graph(directory: Path) -> Path:
    (directory / "graph.pb").write_bytes(b"not a graph")
    return directory / "graph.pb"


def broken_text(directory: Path) -> Path:
    (directory / "graph.pbtxt").write_bytes(b"node \xff")
    return directory / "graph.pbtxt"


def broken_keras(directory: Path) -> Path:
    (directory / "model.keras").write_bytes(b"not a zip file")
    return directory / "model.keras"


def flipped_keras(directory: Path) -> Path:
    path = models.keras_dense(directory)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def unbuilt_keras(directory: Path) -> Path:
    with pytest.warns(UserWarning, match="not yet been built"):
        tf.keras.Sequential([tf.keras.layers.Dense(2)]).save(directory / "model.keras")
    return directory / "model.keras"


def broken_requests(directory: Path) -> Path:
    target = models.table_tf1(directory)
    (target / "assets.extra").mkdir()
    (target / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records" * 9)
    return target


def _with_signature(directory: Path, role: str, tensor: str) -> Path:
    target = models.table_tf1(directory)
    path = target / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    infos = getattr(model.meta_graphs[0].signature_def["serving_default"], role)
    infos["tokens" if role == "inputs" else "ids"].name = tensor
    path.write_bytes(model.SerializeToString())
    return target


def absent_input(directory: Path) -> Path:
    return _with_signature(directory, "inputs", "nowhere:0")


def absent_output(directory: Path) -> Path:
    return _with_signature(directory, "outputs", "nowhere:0")


def absent_output_number(directory: Path) -> Path:
    return _with_signature(directory, "outputs", "vectors:7")


@pytest.mark.parametrize(
    ("builder", "code", "says"),
    [
        pytest.param(without_meta, Exit.UNSUPPORTED_MODEL, ".meta is missing", id="no .meta"),
        pytest.param(broken_meta, Exit.INVALID_CHECKPOINT, ".meta is damaged", id="broken .meta"),
        pytest.param(truncated_data, Exit.INVALID_CHECKPOINT, "upload", id="truncated data"),
        pytest.param(truncated_index, Exit.INVALID_CHECKPOINT, "upload", id="truncated index"),
        pytest.param(missing_shard, Exit.INVALID_CHECKPOINT, "data-00000", id="missing shard"),
        pytest.param(
            other_variables, Exit.INVALID_CHECKPOINT, "not found in checkpoint", id="other graph's"
        ),
        pytest.param(
            broken_savedmodel, Exit.INVALID_CHECKPOINT, "is damaged", id="broken saved_model.pb"
        ),
        pytest.param(
            empty_directory, Exit.INVALID_CHECKPOINT, "no saved_model.pb", id="no saved_model.pb"
        ),
        pytest.param(
            vocabulary_elsewhere,
            Exit.UNSUPPORTED_MODEL,
            "export a SavedModel",
            id="a file elsewhere",
        ),
        pytest.param(asset_outside, Exit.INVALID_CHECKPOINT, "missing", id="an asset outside"),
        pytest.param(missing_asset, Exit.INVALID_CHECKPOINT, "vocab.txt", id="missing asset"),
        pytest.param(broken_graph, Exit.INVALID_CHECKPOINT, "not a GraphDef", id="broken graph"),
        pytest.param(broken_text, Exit.INVALID_CHECKPOINT, "not a GraphDef", id="broken text"),
        pytest.param(broken_keras, Exit.INVALID_CHECKPOINT, "is damaged", id="broken .keras"),
        pytest.param(
            flipped_keras, Exit.INVALID_CHECKPOINT, "checksum of", id="a flipped bit in a .keras"
        ),
        pytest.param(
            unbuilt_keras,
            Exit.INVALID_CHECKPOINT,
            "model.build(input_shape)",
            id="a .keras saved before it was built",
        ),
        pytest.param(
            broken_requests,
            Exit.INVALID_CHECKPOINT,
            "tf_serving_warmup_requests is damaged",
            id="broken warm-up requests",
        ),
        pytest.param(
            absent_input,
            Exit.INVALID_CHECKPOINT,
            "'serving_default' has 'tokens' at nowhere:0, which is not in the graph",
            id="a signature's input that is not there",
        ),
        pytest.param(
            absent_output,
            Exit.INVALID_CHECKPOINT,
            "'serving_default' has 'ids' at nowhere:0, which is not in the graph",
            id="a signature's output that is not there",
        ),
        pytest.param(
            absent_output_number,
            Exit.INVALID_CHECKPOINT,
            "'serving_default' has 'ids' at vectors:7, which is not in the graph",
            id="a signature's output of a number that is not there",
        ),
    ],
)
def test_damaged_files(
    builder: Callable[[Path], Path],
    code: Exit,
    says: str,
    tmp_path: Path,
) -> None:
    source = builder(tmp_path)
    fields: dict[str, Any] = {} if source.is_dir() else DROPOUT_OFF
    if builder is vocabulary_elsewhere:
        fields = {"outputs": {"vectors": "vectors"}}
    error = refusal(source, tmp_path / "artifact", **fields)
    assert (error.exit, says in str(error)) == (code, True), str(error)


def test_what_nobody_foresaw_is_a_fault_of_the_model_and_says_where(tmp_path: Path) -> None:
    """TensorFlow's converter knows no batch_dims."""

    def gathered(ids: Any, table: Any) -> Any:
        row = tf.raw_ops.ResourceGather(
            resource=table.handle, indices=ids, dtype=tf.float32, batch_dims=1
        )
        return {"y": row}

    spec = tf.TensorSpec([2, None], tf.int64, "ids")
    source = models.module(tmp_path, gathered, spec, table=models.weights(2, 3))
    said: list[str] = []
    where = r"ValueError in \w+ \(.*, line \d+\): batch_dims"
    with pytest.raises(FreezeError, match=where) as caught:
        convert(source, FreezeRequest("file:///model"), tmp_path / "artifact", said.append)
    assert caught.value.exit is Exit.UNSUPPORTED_MODEL
    assert said[-1].startswith("Traceback")


def test_operations_of_another_library_are_named(tmp_path: Path) -> None:
    path = models.frozen_graph(tmp_path)
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    next(node for node in graph.node if node.name == "y").op = "FancyMatMul"
    path.write_bytes(graph.SerializeToString())
    error = refusal(path, tmp_path / "artifact", outputs={"y": "y"})
    assert error.exit is Exit.UNSUPPORTED_MODEL
    assert "FancyMatMul (node y)" in str(error)


def test_quantised_tensors_are_refused_by_name(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.qint8, [2], name="x")
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    error = refusal(path, tmp_path / "artifact", outputs={"x": "x"})
    assert error.exit is Exit.UNSUPPORTED_MODEL
    assert "'x' is a qint8 tensor" in str(error)


def test_a_model_that_accepts_no_sample_asks_for_real_ones(tmp_path: Path) -> None:
    def function(x: Any, w: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_greater(x, 10.0, "too cold")]):
            return {"y": x * w}

    spec = tf.TensorSpec([None], tf.float32, "x")
    source = models.module(tmp_path, function, spec, w=np.float32(2))
    error = refusal(source, tmp_path / "artifact")
    assert error.exit is Exit.PROOF_FAILED
    assert "too cold" in str(error)
    assert "`checkpoint.samples`" in str(error)
    samples = tmp_path / "samples.npz"
    np.savez(samples, x=np.full(3, 20, np.float32))
    request = FreezeRequest("file:///model", samples="samples.npz")
    manifest = convert(source, request, tmp_path / "artifact", lambda _: None, samples)
    assert manifest.signatures["serving_default"].batchable
