"""The model that is asked: a signature for each dtype, and for each way to be picky."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from fakes.artifacts import one_to_one, tensor, write_artifact

from frazil_runtime import contract
from frazil_runtime.dtypes import BY_NAME
from frazil_runtime.freeze.image_graph import FILE, preprocessing
from frazil_runtime.freeze.images import ImageSpec
from frazil_runtime.manifest import Signature

DTYPES = (
    *("bool", "int8", "int32", "int64", "uint8", "uint64", "float16", "bfloat16", "float64"),
    *("complex64", "string"),
)
EXAMPLES = (tensor("inputs", "string"),)
PHOTO = tensor("photo", shape=(-1, 6, 4, 3))

SIGNATURES = {
    "serving_default": one_to_one("x", "y", "float32", (-1, 3)),
    "two": Signature((tensor("a", shape=(-1, 2)), tensor("b", "int64")), (tensor("c"),)),
    "scalar": one_to_one("s", "s_out", "int32", ()),
    "any": one_to_one("w", "w_out", "float32", None),
    "square": one_to_one("q", "q_out", "float32", (2, 2)),
    "number": Signature((tensor("digits", "string"),), (tensor("number"),)),
    "gather": Signature((tensor("index", "int64"),), (tensor("picked"),)),
    "classify": Signature(EXAMPLES, (tensor("scores", shape=(-1, 2)),)),
    "regress": Signature(EXAMPLES, (tensor("outputs", shape=(-1, 1)),)),
    "photo": Signature((PHOTO,), (tensor("bright"),)),
    **{dtype: one_to_one(dtype, f"{dtype}_out", dtype, (-1,)) for dtype in DTYPES},
}


def write_model(directory: Path) -> None:
    """The artifact."""
    example = tf.train.Example()
    example.features.feature["size"].float_list.value.extend([1, 2])
    text = example.SerializeToString()
    samples = {
        "serving_default": {"x": np.zeros((1, 3), np.float32)},
        "number": {"digits": np.array([b"1"], object)},
        "classify": {"inputs": np.array([text], object)},
    }
    images = preprocessing(
        {"photo": ImageSpec.read("photo", {"height": 6, "width": 4, "channels": 3})},
        {"photo": SIGNATURES["photo"]},
    )
    assert images
    manifest = write_artifact(
        *(directory, _build, SIGNATURES),
        samples=samples,
        files={FILE: images.graph.SerializeToString()},
    )
    manifest = replace(manifest, images=images.images)
    (directory / contract.MANIFEST).write_bytes(manifest.to_json())


def _build() -> None:
    hold = tf.compat.v1.placeholder
    tf.multiply(hold(tf.float32, [None, 3], "x"), 2.0, "y")
    for name, shape in (("s", []), ("w", None), ("q", [2, 2])):
        tf.identity(hold(tf.int32 if name == "s" else tf.float32, shape, name), f"{name}_out")
    tf.add(
        tf.reduce_sum(hold(tf.float32, [None, 2], "a"), 1),
        tf.cast(hold(tf.int64, [None], "b"), tf.float32),
        "c",
    )
    tf.strings.to_number(hold(tf.string, [None], "digits"), name="number")
    tf.gather(tf.constant([1.0, 2.0, 3.0]), hold(tf.int64, [None], "index"), name="picked")
    feature = {"size": tf.io.FixedLenFeature([2], tf.float32)}
    size = tf.io.parse_example(hold(tf.string, [None], "inputs"), feature)["size"]
    tf.identity(size, "scores")
    tf.reduce_sum(size, 1, keepdims=True, name="outputs")
    tf.reduce_mean(hold(tf.float32, [None, 6, 4, 3], "photo"), [1, 2, 3], name="bright")
    for dtype in DTYPES:
        held = hold(tf.dtypes.as_dtype(dtype), [None], dtype)
        tf.identity(held, f"{dtype}_out")
    assert set(DTYPES) <= set(BY_NAME)
