"""Small artifacts for the runtime's tests, written without the freezer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from frazil_runtime import contract, warmup
from frazil_runtime.manifest import Asset, File, Image, Manifest, Signature, Tensor


def graph_of(build: Callable[[], object]) -> bytes:
    """The serialised GraphDef of the nodes that ``build`` makes in TensorFlow 1's way."""
    with tf.Graph().as_default() as graph:
        build()
    return bytes(graph.as_graph_def().SerializeToString())


def write_artifact(
    directory: Path,
    build: Callable[[], object],
    signatures: Mapping[str, Signature],
    *,
    samples: Mapping[str, Mapping[str, Any]] | None = None,
    files: Mapping[str, bytes] | None = None,
    initialization: tuple[str, ...] = (),
    assets: tuple[Asset, ...] = (),
    loops: bool = False,
    images: Mapping[str, Image] | None = None,
) -> Manifest:
    """Write graph, warm-up samples, manifest and further ``files`` to ``directory``."""
    content = {
        contract.GRAPH: graph_of(build),
        contract.WARMUP: warmup.dump(samples or {}),
        **(files or {}),
    }
    for name, data in content.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    manifest = Manifest(
        signatures=signatures,
        default_signature=next(iter(signatures)),
        files={k: File(hashlib.sha256(v).hexdigest(), len(v)) for k, v in content.items()},
        initialization=initialization,
        assets=assets,
        loops=loops,
        images=images or {},
    )
    (directory / contract.MANIFEST).write_bytes(manifest.to_json())
    return manifest


def tensor(name: str, dtype: str = "float32", shape: tuple[int, ...] | None = (-1,)) -> Tensor:
    """A tensor whose operation bears the client's name."""
    return Tensor(name, f"{name}:0", dtype, shape)


def one_to_one(name: str, result: str, dtype: str, shape: tuple[int, ...] | None) -> Signature:
    """A signature with one input and one output of the same type and shape."""
    return Signature((tensor(name, dtype, shape),), (tensor(result, dtype, shape),))


def digits() -> None:
    """784 → 128 → 10, with drawn weights: x:0 float32 [n, 784], scores:0 float32 [n, 10]."""
    draw = np.random.default_rng(0)
    x = tf.compat.v1.placeholder(tf.float32, [None, 784], "x")
    hidden = tf.nn.relu(x @ tf.constant(draw.standard_normal((784, 128)).astype(np.float32)))
    tf.nn.softmax(
        hidden @ tf.constant(draw.standard_normal((128, 10)).astype(np.float32)), name="scores"
    )


DIGITS = {
    "serving_default": Signature(
        (tensor("x", shape=(-1, 784)),), (tensor("scores", shape=(-1, 10)),)
    )
}


def write_digits(directory: Path) -> Manifest:
    """The artifact of ``digits``, with one row to warm up with."""
    samples = {"serving_default": {"x": np.zeros((1, 784), np.float32)}}
    return write_artifact(directory, digits, DIGITS, samples=samples)


PHOTO = (6, 4, 3)


def write_photo(directory: Path) -> Manifest:
    """An artifact whose input ``photo`` takes images, halved: ``y`` is the mean of each channel."""
    from frazil_runtime.freeze.image_graph import FILE, preprocessing
    from frazil_runtime.freeze.images import ImageSpec

    def build() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None, *PHOTO], "photo")
        tf.reduce_mean(x, (1, 2), name="y")

    signature = Signature(
        (tensor("photo", shape=(-1, *PHOTO)),), (tensor("y", shape=(-1, 3)),), batchable=True
    )
    height, width, channels = PHOTO
    record = {"height": height, "width": width, "channels": channels, "scale": 0.5}
    made = preprocessing({"photo": ImageSpec.read("photo", record)}, {"serving_default": signature})
    assert made
    return write_artifact(
        directory,
        build,
        {"serving_default": signature},
        samples={"serving_default": {"photo": np.zeros((1, *PHOTO), np.float32)}},
        files={FILE: made.graph.SerializeToString()},
        images=made.images,
    )
