"""A model of each kind becomes an artifact that answers as the model does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models
from google.protobuf import text_format
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from frazil_runtime import warmup
from frazil_runtime.freeze.convert import convert
from frazil_runtime.freeze.request import FreezeRequest
from frazil_runtime.freeze.runner import Runner
from frazil_runtime.freeze.verify import difference
from frazil_runtime.manifest import Asset, Manifest, Signature

pytestmark = pytest.mark.tensorflow

Freeze = Callable[..., Any]
Arrays = Mapping[str, Any]

DROPOUT_OFF = {"outputs": {"prob": "prob"}, "feeds": {"keep_prob": 1.0}}


def serve(directory: Path, manifest: Manifest) -> Runner:
    """A session over the artifact alone, as the runtime makes it."""
    graph = GraphDef.FromString((directory / "frozen_graph.pb").read_bytes())
    assets = {asset.tensor: directory / asset.file for asset in manifest.assets}
    return Runner.of(graph, manifest.initialization, assets)


def answer(artifact: Any, inputs: Arrays, signature: str = "serving_default") -> Arrays:
    with serve(artifact.directory, artifact.manifest) as runner:
        return runner.run(artifact.manifest.signatures[signature], inputs)


def texts(*values: bytes) -> np.ndarray:
    return np.array(values, object)


def test_a_tf1_checkpoint_answers_as_its_weights_say(frozen: Freeze) -> None:
    artifact = frozen(models.checkpoint, **DROPOUT_OFF)
    x = models.weights(5, 8, seed=9)
    logits = np.maximum(x @ models.weights(8, 16), 0) @ models.weights(16, 3)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert difference(expected, answer(artifact, {"x": x})["prob"], 1e-5) is None


def test_a_tf1_checkpoint_has_the_signature_that_was_asked_for(frozen: Freeze) -> None:
    signature = frozen(models.checkpoint, **DROPOUT_OFF).manifest.signatures["serving_default"]
    assert [(t.name, t.tensor, t.dtype, t.shape, t.minimum) for t in signature.inputs] == [
        ("x", "x:0", "float32", (-1, 8), (1, 8))
    ]
    assert [(t.name, t.dtype, t.shape) for t in signature.outputs] == [("prob", "float32", (-1, 3))]
    assert signature.batchable
    assert signature.deterministic


def test_training_placeholders_are_frozen_by_feeds(frozen: Freeze) -> None:
    artifact = frozen(
        models.batch_norm_checkpoint, outputs={"y": "y:0"}, feeds={"is_training": False}
    )
    x = models.weights(4, 8, seed=9)
    expected = (x - models.weights(8, seed=1)) * models.weights(8)
    assert difference(expected, answer(artifact, {"x": x})["y"], 1e-5) is None
    assert artifact.manifest.signatures["serving_default"].batchable


def scaled(directory: Path) -> Path:
    """TF1: a signature whose second input is a switch that is set once and for all."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="x")
        scale = tf.compat.v1.placeholder(tf.float32, [], name="scale")
        return models.export(session, directory, {"x": x, "scale": scale}, {"y": x * scale})


def test_an_input_of_a_signature_that_is_fed_is_no_input(frozen: Freeze) -> None:
    artifact = frozen(scaled, feeds={"scale:0": 3})
    (x,) = artifact.manifest.signatures["serving_default"].inputs
    assert x.name == "x"
    outputs = answer(artifact, {"x": np.ones((1, 2), np.float32)})
    assert outputs["y"].tolist() == [[3, 3]]


def test_the_order_of_names_in_a_request_is_no_part_of_the_artifact(
    built: Callable[..., Path], tmp_path: Path
) -> None:
    inputs, outputs = {"a": "x", "b": "Relu"}, {"y": "matmul_1", "prob": "prob"}
    digests = set()
    for order in (list, reversed):
        request = FreezeRequest(
            "model",
            inputs=dict(order(inputs.items())),
            outputs=dict(order(outputs.items())),
            feeds={"keep_prob": 1.0},
        )
        target = tmp_path / order.__name__
        digests.add(convert(built(models.checkpoint), request, target, lambda _: None).digest)
    assert len(digests) == 1


def test_an_input_may_be_any_tensor_of_the_graph(frozen: Freeze) -> None:
    artifact = frozen(models.checkpoint, inputs={"hidden": "Relu"}, **DROPOUT_OFF)
    (hidden,) = artifact.manifest.signatures["serving_default"].inputs
    assert (hidden.name, hidden.shape) == ("hidden", (-1, 16))


@pytest.mark.parametrize("builder", [models.table_tf1, models.table_tf2], ids=["TF1", "TF2"])
def test_a_vocabulary_is_an_asset_that_the_initialisation_reads(
    builder: Any, frozen: Freeze
) -> None:
    artifact = frozen(builder)
    (asset,) = artifact.manifest.assets
    assert asset == Asset(asset.tensor, "assets/vocab.txt")
    assert (artifact.directory / asset.file).read_text() == "cold\nice\nwater\n"
    assert "frazil/initialize_0" in artifact.manifest.initialization
    outputs = answer(artifact, {"tokens": texts(b"water", b"lava")})
    assert difference(models.weights(4, 2)[[2, 3]], outputs["vectors"], 0) is None


def test_a_table_of_constants_needs_no_asset(frozen: Freeze) -> None:
    outputs = answer(frozen(models.table_tf2), {"tokens": texts(b"ice", b"water")})
    assert outputs["labels"].tolist() == [b"b", b"?"]


def test_an_estimator_keeps_its_classify_signature(frozen: Freeze) -> None:
    artifact = frozen(models.estimator)
    methods = {name: s.method for name, s in artifact.manifest.signatures.items()}
    assert methods == {
        "serving_default": "tensorflow/serving/predict",
        "classes": "tensorflow/serving/classify",
    }
    example = tf.train.Example()
    example.features.feature["age"].float_list.value.extend([0.5, 2.0])
    inputs = {"inputs": texts(example.SerializeToString())}
    outputs = answer(artifact, inputs, "classes")
    logits = np.array([[0.5, 2.0]], np.float32) @ models.weights(2, 3)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert difference(expected, outputs["scores"], 1e-5) is None
    assert outputs["classes"].tolist() == [[b"ice", b"water", b"steam"]]


def test_generated_examples_have_the_features_that_the_graph_parses(frozen: Freeze) -> None:
    artifact = frozen(models.estimator)
    samples = warmup.load((artifact.directory / "warmup.npz").read_bytes())
    example = tf.train.Example.FromString(samples["serving_default"]["examples"][0])
    assert len(example.features.feature["age"].float_list.value) == 2
    assert len(example.features.feature["words"].bytes_list.value) == 1


def test_a_keras_file_answers_as_keras_does(frozen: Freeze) -> None:
    artifact = frozen(models.keras)
    tokens = np.array([[b"ice", b"water"], [b"lava", b"cold"]], object)
    outputs = answer(artifact, {"tokens": tokens})
    expected = np.asarray(tf.keras.models.load_model(artifact.source)(tf.constant(tokens)))
    assert difference(expected, next(iter(outputs.values())), 1e-5) is None


def test_a_loss_of_the_users_own_is_not_needed_to_predict(frozen: Freeze) -> None:
    (y,) = answer(frozen(models.keras_compiled), {"x": np.ones((1, 4), np.float32)}).values()
    assert y.tolist() == [[4, 4]]


def test_a_keras_2_savedmodel_that_tensorflow_refuses_is_read(frozen: Freeze) -> None:
    artifact = frozen(models.optimizer_slots)
    with pytest.raises(Exception, match="slot"):
        tf.saved_model.load(str(artifact.source))
    read = tf.train.load_checkpoint(str(artifact.source / "variables/variables"))
    layer = "layer_with_weights-0/{}/.ATTRIBUTES/VARIABLE_VALUE"
    kernel, bias = (read.get_tensor(layer.format(name)) for name in ("kernel", "bias"))
    x = models.weights(3, 4, seed=9)
    assert difference(x @ kernel + bias, answer(artifact, {"x": x})["dense"], 1e-5) is None


def test_every_signature_is_kept_and_the_others_are_named(frozen: Freeze) -> None:
    artifact = frozen(models.mixed_signatures)
    assert sorted(artifact.manifest.signatures) == ["serving_default", "total"]
    left_out = [line for line in artifact.progress if "left out" in line]
    reasons = [("train", "change variables"), ("python", "Python code"), ("ragged", "ragged")]
    for name, reason in reasons:
        assert any(repr(name) in line and reason in line for line in left_out)
    assert answer(artifact, {"x": np.ones((2, 4), np.float32)}, "total")["total"].shape == (2,)


def test_a_tf1_sparse_input_is_three_named_tensors(frozen: Freeze) -> None:
    artifact = frozen(models.sparse)
    inputs = {
        "features/indices": np.array([[0, 1], [1, 3]]),
        "features/values": np.array([2, 3], np.float32),
        "features/dense_shape": np.array([2, 4]),
    }
    expected = models.weights(4, 2)[[1, 3]] * np.array([[2], [3]], np.float32)
    assert difference(expected, answer(artifact, inputs)["y"], 1e-6) is None
    assert not artifact.manifest.signatures["serving_default"].batchable


def test_a_python_function_beside_the_outputs_is_pruned(frozen: Freeze) -> None:
    artifact = frozen(models.python_function, outputs={"y": "plain"})
    graph = GraphDef.FromString((artifact.directory / "frozen_graph.pb").read_bytes())
    assert "PyFunc" not in {node.op for node in graph.node}


def test_a_frozen_graph_is_frozen_again(frozen: Freeze) -> None:
    artifact = frozen(models.frozen_graph, outputs={"y": "y"})
    x = np.eye(4, dtype=np.float32)
    assert difference(models.weights(4, 2), answer(artifact, {"x": x})["y"], 1e-6) is None


def frozen_text(directory: Path) -> Path:
    graph = GraphDef.FromString(models.frozen_graph(directory).read_bytes())
    (directory / "graph.pbtxt").write_text(text_format.MessageToString(graph))
    return directory / "graph.pbtxt"


def saved_text(directory: Path) -> Path:
    target = models.mixed_signatures(directory)
    model = SavedModel.FromString((target / "saved_model.pb").read_bytes())
    (target / "saved_model.pb").unlink()
    (target / "saved_model.pbtxt").write_text(text_format.MessageToString(model))
    return target


@pytest.mark.parametrize(
    ("builder", "fields"),
    [
        pytest.param(frozen_text, {"outputs": {"y": "y"}}, id="a frozen graph"),
        pytest.param(saved_text, {}, id="a SavedModel"),
    ],
)
def test_a_model_may_be_written_as_text(
    builder: Any, fields: dict[str, Any], frozen: Freeze
) -> None:
    x = np.eye(4, dtype=np.float32)
    outputs = answer(frozen(builder, **fields), {"x": x})
    assert difference(models.weights(4, 2), outputs["y"], 1e-6) is None


IDS = tf.TensorSpec([None], tf.int64, "ids")


def looked_up_in_a_while_loop(directory: Path) -> Path:
    def twice(ids: Any, table: Any) -> Arrays:
        step = lambda i, v: (i + 1, tf.nn.embedding_lookup(table, v))  # noqa: E731
        return {"y": tf.while_loop(lambda i, _: i < 2, step, [0, ids])[1]}

    return models.module(directory, twice, IDS, table=np.array([1, 2, 0]))


def looked_up_row_by_row(directory: Path) -> Path:
    def each(ids: Any, table: Any) -> Arrays:
        return {"y": tf.map_fn(lambda i: tf.gather(table, tf.gather(table, i)), ids)}

    return models.module(directory, each, IDS, table=np.array([1, 2, 0]))


@pytest.mark.parametrize(
    ("builder", "fields"),
    [
        pytest.param(looked_up_in_a_while_loop, {}, id="a while_loop of TF2"),
        pytest.param(looked_up_row_by_row, {}, id="map_fn"),
        pytest.param(
            models.gathering_loop_checkpoint, {"outputs": {"y": "y"}}, id="a while_loop of TF1"
        ),
    ],
)
def test_a_loop_may_look_up_a_variable(
    builder: Any, fields: dict[str, Any], frozen: Freeze
) -> None:
    artifact = frozen(builder, **fields)
    (ids,) = artifact.manifest.signatures["serving_default"].inputs
    outputs = answer(artifact, {"ids": np.array([0, 1, 2], ids.dtype)})
    assert outputs["y"].tolist() == [2, 0, 1]


def test_what_comes_out_of_an_input_queue_may_be_an_input(frozen: Freeze) -> None:
    fields = {"inputs": {"x": "batch"}, "outputs": {"y": "y"}}
    x = models.weights(5, 4, seed=9)
    outputs = answer(frozen(models.queue_checkpoint, **fields), {"x": x})
    assert difference(x @ models.weights(4, 2), outputs["y"], 1e-5) is None


X = tf.TensorSpec([None, 2], tf.float32, "x")


def _function(directory: Path, function: Callable[..., Any], *specs: Any) -> Path:
    return models.module(directory, function, *(specs or (X,)), w=np.float32(2))


def while_loop(directory: Path) -> Path:
    return _function(
        directory,
        lambda x, w: {
            "y": tf.while_loop(lambda v: tf.reduce_max(v) < 100.0, lambda v: (v * w,), [x + 1])[0]
        },
    )


def map_rows(directory: Path) -> Path:
    return _function(directory, lambda x, w: {"y": tf.map_fn(lambda row: row * w, x)})


def condition(directory: Path) -> Path:
    return _function(
        directory,
        lambda x, w: {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x * w, lambda: x - w)},
    )


def random(directory: Path) -> Path:
    return _function(directory, lambda x, w: {"y": x + tf.random.normal([2]) * w})


def seeded(directory: Path) -> Path:
    return _function(directory, lambda x, w: {"y": x + w * tf.random.stateless_normal([2], [1, 2])})


def fixed_batch(directory: Path) -> Path:
    spec = tf.TensorSpec([4, 2], tf.float32, "x")
    return _function(directory, lambda x, w: {"y": x * w}, spec)


def passes_through(directory: Path) -> Path:
    return _function(directory, lambda x, w: {"x": x, "y": x * w})


def batch_mean(directory: Path) -> Path:
    return _function(directory, lambda x, w: {"y": x * w - tf.reduce_mean(x)})


def without_inputs(directory: Path) -> Path:
    return models.module(directory, lambda w: {"y": w * 2}, w=np.float32(2))


def half(directory: Path) -> Path:
    spec = tf.TensorSpec([None, 2], tf.bfloat16, "x")
    return _function(directory, lambda x, w: {"y": x * tf.cast(w, tf.bfloat16)}, spec)


def any_rank(directory: Path) -> Path:
    spec = tf.TensorSpec(None, tf.float32, "x")
    return _function(directory, lambda x, w: {"y": x * w}, spec)


def _mean_length(tokens: Any, w: Any) -> Arrays:
    """As Keras 2 models do it that average over what they padded: the longest row decides."""
    lengths = tf.strings.length(tokens.to_tensor())
    return {"y": tf.reduce_mean(tf.cast(lengths, tf.float32), 1) * w}


def padded_words(directory: Path) -> Path:
    texts = tf.TensorSpec([None], tf.string, "x")
    return _function(directory, lambda x, w: _mean_length(tf.strings.split(x), w), texts)


def padded_characters(directory: Path) -> Path:
    texts = tf.TensorSpec([None], tf.string, "x")
    return _function(directory, lambda x, w: _mean_length(tf.strings.bytes_split(x), w), texts)


def padded_vocabulary(directory: Path) -> Path:
    inputs = tf.keras.Input([], dtype=tf.string, name="texts")
    tokens = tf.keras.layers.TextVectorization(vocabulary=["cold", "ice", "water"])(inputs)
    outputs = tf.keras.layers.GlobalAveragePooling1D()(tf.keras.layers.Embedding(5, 3)(tokens))
    tf.keras.Model(inputs, outputs).save(directory / "model.keras")
    return directory / "model.keras"


def padded_lists(directory: Path) -> Path:
    def parsed(x: Any, w: Any) -> Arrays:
        lists = tf.io.VarLenFeature(tf.float32)
        dense = tf.sparse.to_dense(tf.io.parse_example(x, {"list": lists})["list"])
        return {"y": tf.reduce_mean(dense, 1) * w}

    return _function(directory, parsed, tf.TensorSpec([None], tf.string, "x"))


def masked_words(directory: Path) -> Path:
    def counted(x: Any, w: Any) -> Arrays:
        words = tf.strings.split(x).to_tensor()
        return {"y": tf.reduce_sum(tf.cast(tf.strings.length(words) > 0, tf.float32), 1) * w}

    return _function(directory, counted, tf.TensorSpec([None], tf.string, "x"))


def images(directory: Path) -> Path:
    def decoded(x: Any, w: Any) -> Arrays:
        def mean(text: Any) -> Any:
            return tf.reduce_mean(tf.cast(tf.io.decode_jpeg(text, 3), tf.float32)) * w

        return {"y": tf.map_fn(mean, x, fn_output_signature=tf.float32)}

    return _function(directory, decoded, tf.TensorSpec([None], tf.string, "x"))


@pytest.mark.parametrize(
    ("builder", "batchable", "deterministic", "loops"),
    [
        pytest.param(while_loop, False, True, True, id="a loop that looks at all rows"),
        pytest.param(map_rows, True, True, True, id="a loop over the rows"),
        pytest.param(condition, False, True, False, id="a condition on all rows"),
        pytest.param(random, False, False, False, id="random numbers"),
        pytest.param(seeded, True, True, False, id="the same random numbers every time"),
        pytest.param(fixed_batch, False, True, False, id="a fixed number of rows"),
        pytest.param(passes_through, True, True, False, id="an output that is an input"),
        pytest.param(batch_mean, False, True, False, id="a mean over the rows"),
        pytest.param(without_inputs, False, True, False, id="no inputs"),
        pytest.param(half, True, True, False, id="bfloat16"),
        pytest.param(any_rank, False, True, False, id="any rank"),
        pytest.param(images, True, True, True, id="encoded images"),
        pytest.param(padded_words, False, True, False, id="texts padded with words"),
        pytest.param(padded_characters, False, True, False, id="texts padded with characters"),
        pytest.param(padded_vocabulary, False, True, False, id="texts padded with a vocabulary's"),
        pytest.param(padded_lists, False, True, False, id="lists of Examples, padded"),
        pytest.param(masked_words, True, True, False, id="texts padded with what does not count"),
    ],
)
def test_what_runs_show_stands_in_the_manifest(
    builder: Any, batchable: bool, deterministic: bool, loops: bool, frozen: Freeze
) -> None:
    manifest = frozen(builder).manifest
    signature: Signature = manifest.signatures["serving_default"]
    assert (signature.batchable, signature.deterministic) == (batchable, deterministic)
    assert manifest.loops is loops


def test_the_warm_up_request_is_one_row_that_is_answered(frozen: Freeze) -> None:
    artifact = frozen(models.table_tf2)
    samples = warmup.load((artifact.directory / "warmup.npz").read_bytes())
    assert samples["serving_default"]["tokens"].shape == (1,)
    assert answer(artifact, samples["serving_default"])["vectors"].shape == (1, 2)


def test_the_manifest_names_each_file_with_its_digest(frozen: Freeze) -> None:
    artifact = frozen(models.table_tf1)
    written = {p for p in artifact.directory.rglob("*") if p.is_file()}
    names = {str(p.relative_to(artifact.directory)) for p in written} - {"manifest.json"}
    assert names == set(artifact.manifest.files)
    for name, file in artifact.manifest.files.items():
        data = (artifact.directory / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file.sha256, file.bytes)
    assert Manifest.from_json((artifact.directory / "manifest.json").read_bytes()) == (
        artifact.manifest
    )


_DIGESTS = """
import sys, json
from pathlib import Path
from frazil_runtime.freeze.convert import convert
from frazil_runtime.freeze.request import FreezeRequest
target = Path(sys.argv[1])
for number, (source, fields) in enumerate(json.load(sys.stdin)):
    request = FreezeRequest("file:///model", **fields)
    print(convert(Path(source), request, target / str(number), lambda line: None).digest)
"""


def test_two_processes_make_the_same_digests(
    built: Callable[..., Path], frozen: Freeze, tmp_path: Path
) -> None:
    cases: list[tuple[Any, dict[str, Any]]] = [
        (models.keras, {}),
        (models.checkpoint, DROPOUT_OFF),
        (models.table_tf2, {}),
        (models.estimator, {}),
        (map_rows, {}),
    ]
    expected = [frozen(builder, **fields).manifest.digest for builder, fields in cases]
    request = repr([[str(built(builder)), fields] for builder, fields in cases]).replace("'", '"')
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7"}
    process = subprocess.run(
        [sys.executable, "-c", _DIGESTS, str(tmp_path)],
        input=request,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    assert process.stdout.split() == expected
