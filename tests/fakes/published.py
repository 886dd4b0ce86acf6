"""Real models, tiny: each builder writes one into a directory and returns what a user points at.

They are what published models are like, not what is easy to freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

tf1 = tf.compat.v1
Tensors = Mapping[str, Any]


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    """The same float32 numbers every time."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@contextmanager
def _session() -> Iterator[Any]:
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        yield session


def export(
    session: Any,
    directory: Path,
    inputs: Tensors,
    outputs: Tensors,
    *,
    more: Mapping[str, Any] | None = None,
    main_op: Any = None,
) -> Path:
    """Write a TF1 SavedModel with a predict signature as its default."""
    target = directory / "saved_model"
    builder = tf1.saved_model.Builder(str(target))
    signature = tf1.saved_model.predict_signature_def(inputs, outputs)
    builder.add_meta_graph_and_variables(
        session,
        ["serve"],
        {"serving_default": signature, **(more or {})},
        assets_collection=tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS),
        main_op=main_op,
    )
    builder.save()
    return target


def checkpoint(directory: Path) -> Path:
    """TF1, as the tutorials have it: dropout with ``keep_prob``, a training half, a Saver.

    Inputs ``x`` [?, 8] (and ``y``, ``keep_prob`` for training), output ``prob`` [?, 3].
    """
    with _session() as session:
        x = tf1.placeholder(tf.float32, [None, 8], name="x")
        y = tf1.placeholder(tf.int64, [None], name="y")
        keep_prob = tf1.placeholder(tf.float32, name="keep_prob")
        hidden = tf.nn.relu(x @ tf1.get_variable("w1", initializer=weights(8, 16)))
        # tf.nn.dropout(hidden, keep_prob) up to TensorFlow 1.12
        random = keep_prob + tf1.random_uniform(tf.shape(hidden))
        hidden = tf.divide(hidden, keep_prob) * tf.floor(random)
        logits = hidden @ tf1.get_variable("w2", initializer=weights(16, 3))
        tf.nn.softmax(logits, name="prob")
        loss = tf1.losses.sparse_softmax_cross_entropy(y, logits)
        tf1.train.AdamOptimizer().minimize(loss)
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt"), 7))


def _tf1_cond(predicate: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """A cond of Switch and Merge, as TensorFlow 1 wrote it."""
    tf1.disable_control_flow_v2()
    try:
        return tf1.cond(predicate, yes, no)
    finally:
        tf1.enable_control_flow_v2()


def batch_norm_checkpoint(directory: Path) -> Path:
    """TF1 with what tf.nn.dropout became in 1.13 to 1.15, and batch norm under ``is_training``."""
    with _session() as session:
        x = tf1.placeholder(tf.float32, [None, 8], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        scale = tf1.get_variable("scale", initializer=weights(8), use_resource=True)
        mean = tf1.get_variable("mean", initializer=weights(8, seed=1), use_resource=True)
        used = _tf1_cond(is_training, lambda: tf.reduce_mean(x, 0), lambda: mean + 0.0)
        keep_prob = tf1.placeholder_with_default(1.0, [], name="keep_prob")
        normal = (x - used) * scale
        kept = tf1.random_uniform(tf.shape(normal)) >= 1 - keep_prob
        tf.identity(normal / keep_prob * tf.cast(kept, tf.float32), name="y")
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))


def loop_checkpoint(directory: Path, *, resource: bool) -> Path:
    """TF1: a loop of Enter and Exit that reads a variable, of either kind."""
    with _session() as session:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        w = tf1.get_variable("w", initializer=weights(2, 2), use_resource=resource)
        tf1.disable_control_flow_v2()
        try:
            _, y = tf1.while_loop(
                lambda i, _: i < 3, lambda i, v: (i + 1, tf.matmul(v, w)), [tf.constant(0), x]
            )
        finally:
            tf1.enable_control_flow_v2()
        tf.identity(y, name="y")
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))


def gathering_loop_checkpoint(directory: Path) -> Path:
    """TF1: a loop of Enter and Exit that looks up a resource variable; ``ids`` [?] → ``y`` [?]."""
    with _session() as session:
        ids = tf1.placeholder(tf.int32, [None], name="ids")
        table = tf1.get_variable("table", initializer=np.array([1, 2, 0]), use_resource=True)
        tf1.disable_control_flow_v2()
        try:
            _, y = tf1.while_loop(
                lambda i, _: i < 2,
                lambda i, v: (i + 1, tf.gather(table, v)),
                [tf.constant(0), tf.cast(ids, tf.int64)],
            )
        finally:
            tf1.enable_control_flow_v2()
        tf.identity(y, name="y")
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))


def queue_checkpoint(directory: Path) -> Path:
    """TF1, as the tutorials trained: the rows come from a queue that threads fill."""
    with _session() as session:
        rows = tf1.train.input_producer(tf.constant(weights(10, 4)), shuffle=False)
        batch = rows.dequeue_many(5, name="batch")
        tf.matmul(batch, tf1.get_variable("w", initializer=weights(4, 2)), name="y")
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))


def object_checkpoint(directory: Path) -> Path:
    """TF2: weights and a tree of Python objects, no graph."""
    holder = tf.train.Checkpoint(w=tf.Variable(weights(3)))
    return Path(holder.write(str(directory / "ckpt-1")))


def table_graph(directory: Path) -> tuple[Any, Tensors]:
    """Build into the default graph, TF1: texts, a vocabulary file, an embedding."""
    vocabulary = directory / "vocab.txt"
    vocabulary.write_text("cold\nice\nwater\n")
    tokens = tf1.placeholder(tf.string, [None], name="tokens")
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=1,
    )
    with tf1.variable_scope("", reuse=tf1.AUTO_REUSE):
        embedding = tf1.get_variable("embedding", initializer=weights(4, 2))
    ids = table.lookup(tokens)
    return tokens, {"ids": ids, "vectors": tf.gather(embedding, ids, name="vectors")}


def too_large_checkpoint(directory: Path) -> Path:
    """TF1: 4 GiB of weights by its graph, none in its files.

    ``x`` [?, 32768] → ``probabilities`` [?, 32768]; ``keep_prob`` is there and plays no part.
    """
    prefix = directory / "model.ckpt"
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 1 << 15], name="x")
        tf1.placeholder(tf.float32, [], name="keep_prob")
        tf.matmul(x, tf1.get_variable("w", [1 << 15, 1 << 15]), name="probabilities")
        saver = tf1.train.Saver()
        tf1.train.export_meta_graph(f"{prefix}.meta", saver_def=saver.as_saver_def())
    for suffix in (".index", ".data-00000-of-00001"):
        Path(f"{prefix}{suffix}").write_bytes(b"nothing")
    return prefix


def table_checkpoint(directory: Path, *vocabularies: Path) -> Path:
    """TF1: a table for each folder's ``vocab.txt``, of ``directory`` itself without any.

    Input ``tokens`` [?], output ``vectors`` [?, 2].
    """
    with _session() as session:
        for folder in vocabularies or (directory,):
            folder.mkdir(exist_ok=True)
            table_graph(folder)
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))


def old_checkpoint(directory: Path) -> Path:
    """TF1 in the format before 1.0, one file: ``x`` [?, 4] → ``y`` [?, 2]."""
    with _session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        tf.matmul(x, tf1.get_variable("w", initializer=weights(4, 2)), name="y")
        session.run(tf1.global_variables_initializer())
        saver = tf1.train.Saver(write_version=tf1.train.SaverDef.V1)
        return Path(saver.save(session, str(directory / "model.ckpt")))


def table_tf1(directory: Path) -> Path:
    """TF1 SavedModel: a vocabulary file and a variable behind a string input."""
    with _session() as session:
        tokens, outputs = table_graph(directory)
        step = tf1.get_local_variable("step", initializer=np.int64(0))
        session.run([tf1.global_variables_initializer(), tf1.local_variables_initializer()])
        main_op = tf.group(tf1.tables_initializer(), tf1.local_variables_initializer(), step)
        return export(session, directory, {"tokens": tokens}, outputs, main_op=main_op)


def estimator(directory: Path) -> Path:
    """TF1 Estimator's export: serialised tf.Examples in, classify and predict signatures."""
    with _session() as session:
        serialised = tf1.placeholder(tf.string, [None], name="input_example_tensor")
        features = tf1.parse_example(
            serialised,
            {
                "age": tf1.FixedLenFeature([2], tf.float32),
                "words": tf1.VarLenFeature(tf.string),
            },
        )
        hashed = tf.strings.to_hash_bucket_fast(features["words"].values, 5)
        counted = tf.SparseTensor(
            features["words"].indices, tf.cast(hashed, tf.float32), features["words"].dense_shape
        )
        logits = features["age"] @ tf1.get_variable("w", initializer=weights(2, 3))
        scores = tf.nn.softmax(logits + tf.sparse.reduce_sum(counted, 1, keepdims=True))
        names = tf.tile(tf.constant([["ice", "water", "steam"]]), [tf.shape(scores)[0], 1])
        session.run(tf1.global_variables_initializer())
        classify = tf1.saved_model.classification_signature_def(serialised, names, scores)
        return export(
            session,
            directory,
            {"examples": serialised},
            {"scores": scores},
            more={"classes": classify},
        )


class _Tables(tf.Module):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        self.ids = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        self.labels = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer([0, 1], ["a", "b"], tf.int64, tf.string), "?"
        )
        self.embedding = tf.Variable(weights(4, 2))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "tokens")])
    def __call__(self, tokens: Any) -> Tensors:
        ids = self.ids.lookup(tokens)
        return {
            "vectors": tf.nn.embedding_lookup(self.embedding, ids),
            "labels": self.labels.lookup(ids),
        }


def table_tf2(directory: Path) -> Path:
    """TF2 tf.Module: two tables, one from an asset, and an embedding."""
    vocabulary = directory / "vocab.txt"
    vocabulary.write_text("cold\nice\nwater\n")
    return _saved(_Tables(vocabulary), directory)


def _saved(module: tf.Module, directory: Path, **functions: Any) -> Path:
    target = directory / "saved_model"
    signatures = functions or {"serving_default": module.__call__}
    tf.saved_model.save(module, str(target), signatures=signatures)
    return target


def mutable_table(directory: Path) -> Path:
    """TF2: a table whose content is in the checkpoint, as Keras 2 kept vocabularies."""
    holder = tf.Module()
    holder.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    holder.table.insert(tf.constant(["cold", "ice"]), tf.constant([5, 7], tf.int64))
    spec = tf.TensorSpec([None], tf.string, "tokens")
    call = tf.function(
        lambda tokens: {"ids": holder.table.lookup(tokens)}, input_signature=[spec], autograph=False
    )
    return _saved(holder, directory, serving_default=call)


def module(
    directory: Path, function: Callable[..., Any], *specs: tf.TensorSpec, **variables: Any
) -> Path:
    """TF2 SavedModel of one function; ``variables`` are passed to it by name as tf.Variables."""
    holder = tf.Module()
    held = {name: tf.Variable(value, name=name) for name, value in variables.items()}
    holder.held = held
    traced = tf.function(
        lambda *inputs: function(*inputs, **held), input_signature=specs, autograph=False
    )
    return _saved(holder, directory, serving_default=traced)


def mixed_signatures(directory: Path) -> Path:
    """TF2: two signatures over one variable, and three that cannot be served."""
    holder = tf.Module()
    holder.w = tf.Variable(weights(4, 2))
    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    functions = {
        "serving_default": lambda x: {"y": x @ holder.w},
        "total": lambda x: {"total": tf.reduce_sum(x @ holder.w, 1)},
        "train": lambda x: {"w": holder.w.assign_add(x[:, :2])},
        "python": lambda x: {"y": tf.numpy_function(np.sin, [x], tf.float32)},
        "ragged": lambda x: {"y": tf.RaggedTensor.from_tensor(x @ holder.w)},
    }
    traced = {
        name: tf.function(function, input_signature=[spec], autograph=False)
        for name, function in functions.items()
    }
    return _saved(holder, directory, **traced)


def keras(directory: Path) -> Path:
    """A ``.keras`` file: texts through StringLookup, an embedding, a dense layer."""
    inputs = tf.keras.Input([None], dtype=tf.string, name="tokens")
    lookup = tf.keras.layers.StringLookup(vocabulary=["cold", "ice", "water"])
    x = tf.keras.layers.Embedding(4, 3, embeddings_initializer="ones")(lookup(inputs))
    x = tf.keras.layers.GlobalAveragePooling1D()(x)
    x = tf.keras.layers.Dropout(0.5)(x)
    outputs = tf.keras.layers.Dense(2, kernel_initializer="ones", activation="softmax")(x)
    path = directory / "model.keras"
    tf.keras.Model(inputs, outputs).save(path)
    return path


def keras_dense(directory: Path) -> Path:
    """A ``.keras`` file of dense layers: 64 → 256 → 5, with 64 KiB of weights in the first."""
    layers = [tf.keras.Input([64], name="x"), tf.keras.layers.Dense(256), tf.keras.layers.Dense(5)]
    path = directory / "model.keras"
    tf.keras.Sequential(layers).save(path)
    return path


def keras_lambda(directory: Path) -> Path:
    """A ``.keras`` file with Python bytecode in it."""
    layers = [tf.keras.Input([3]), tf.keras.layers.Lambda(lambda x: x * 2, name="double")]
    path = directory / "model.keras"
    tf.keras.Sequential(layers).save(path)
    return path


def squares(expected: Any, actual: Any) -> Any:
    """A loss that only this process knows."""
    return (expected - actual) ** 2


def keras_compiled(directory: Path) -> Path:
    """A ``.keras`` file that was trained with a loss of the user's own: ``x`` [?, 4] → [?, 2]."""
    layers = [tf.keras.Input([4], name="x"), tf.keras.layers.Dense(2, kernel_initializer="ones")]
    model = tf.keras.Sequential(layers)
    model.compile("adam", loss=squares)
    path = directory / "model.keras"
    model.save(path)
    return path


class Scale(tf.keras.layers.Layer):
    """A class that only this process knows."""

    def call(self, x: Any) -> Any:
        return x * 2


def keras_custom(directory: Path) -> Path:
    """A ``.keras`` file with a layer of the user's own."""
    path = directory / "model.keras"
    tf.keras.Sequential([tf.keras.Input([3]), Scale(name="scale")]).save(path)
    return path


def optimizer_slots(directory: Path) -> Path:
    """A SavedModel as Keras 2 wrote a compiled Sequential: ``x`` [?, 4] → ``dense`` [?, 2].

    The object graph has Keras 2's names, a class of its own for model, layer and optimizer, and
    the optimizer's slot variables ``m`` and ``v`` for each weight.
    """
    model, layer = tf.Module(), tf.Module()
    layer.kernel, layer.bias = tf.Variable(weights(4, 2)), tf.Variable(weights(2, seed=1))
    setattr(model, "layer_with_weights-0", layer)
    model.optimizer = tf1.train.AdamOptimizer()
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_sum(each**2) for each in (layer.kernel, layer.bias))
    trained = [layer.kernel, layer.bias]
    model.optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    call = tf.function(
        lambda x: {"dense": x @ layer.kernel + layer.bias}, input_signature=[spec], autograph=False
    )
    target = _saved(model, directory, serving_default=call)
    path = target / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    root, *_ = nodes = saved.meta_graphs[0].object_graph_def.nodes
    children = {child.local_name: nodes[child.node_id] for child in root.children}
    root.user_object.identifier = "_tf_keras_sequential"
    children["layer_with_weights-0"].user_object.identifier = "_tf_keras_layer"
    children["optimizer"].user_object.identifier = "optimizer"
    children["optimizer"].user_object.version.producer = 2
    path.write_bytes(saved.SerializeToString())
    return target


def sparse(directory: Path) -> Path:
    """TF1: a sparse input."""
    with _session() as session:
        features = tf1.sparse_placeholder(tf.float32, [None, 4], name="features")
        w = tf1.get_variable("w", initializer=weights(4, 2))
        session.run(tf1.global_variables_initializer())
        y = tf.sparse.sparse_dense_matmul(features, w)
        return export(session, directory, {"features": features}, {"y": y})


def frozen_graph(directory: Path) -> Path:
    """A GraphDef with constants alone: ``x`` [?, 4] → ``y`` [?, 2]."""
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        tf.matmul(x, tf.constant(weights(4, 2)), name="y")
    path = directory / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def python_function(directory: Path) -> Path:
    """TF1: one output through tf.numpy_function, one beside it."""
    with _session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        w = tf1.get_variable("w", initializer=weights(4, 2))
        tf.matmul(x, w, name="plain")
        tf1.py_func(np.sin, [x], tf.float32, name="python")
        session.run(tf1.global_variables_initializer())
        return Path(tf1.train.Saver().save(session, str(directory / "model.ckpt")))
