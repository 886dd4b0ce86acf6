"""The preprocessing as a frozen graph: from the bytes of one JPEG or PNG to one row of an input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework.errors import OpError

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import image_proof
from frazil_runtime.freeze.graph import Frozen
from frazil_runtime.freeze.images import ImageSpec, dtype_of
from frazil_runtime.freeze.optimise import PASSES, keep_equal, optimise
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Runner, reason
from frazil_runtime.manifest import Image, Signature, Tensor

FILE: Final = "preprocess.pb"
IMAGE: Final = "image"  # what a signature of this graph takes
ROW: Final = "row"  # what it makes of it


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """One graph for all image inputs, and where in it each of them is."""

    graph: GraphDef
    images: Mapping[str, Image]


def preprocessing(
    specs: Mapping[str, ImageSpec], signatures: Mapping[str, Signature], optimize: bool = True
) -> Preprocessing | None:
    """The graph, proved by running it; None where there is no image input.

    Raises FreezeError: INVALID_REQUEST where a spec fits no input of ``signatures``, PROOF_FAILED
    where the graph computes anything else than the spec says.
    """
    if not specs:
        return None
    dtypes = {name: dtype_of(name, spec, signatures) for name, spec in specs.items()}
    built = _built(specs, dtypes)
    samples = {name: image_proof.samples(spec, dtypes[name]) for name, spec in specs.items()}

    def problem(candidate: Frozen) -> str | None:
        return _problem(candidate, samples)

    final = optimise(built, PASSES if optimize else ())
    different = problem(final)
    if different and optimize:
        final = keep_equal(built, lambda graph: problem(graph) is None)
        different = problem(final)
    if different:
        raise FreezeError(
            Exit.PROOF_FAILED, f"the preprocessing of images is not what was asked for: {different}"
        )
    return Preprocessing(final.graph, _described(final.signatures))


def _built(specs: Mapping[str, ImageSpec], dtypes: Mapping[str, str]) -> Frozen:
    """Each input's part of the graph, with a signature of the input's name.

    Nodes are numbered in the names' order: a name of a user's may be none that a node can have.
    """
    signatures = {}
    with tf.Graph().as_default() as graph:
        for number, (name, spec) in enumerate(sorted(specs.items())):
            with tf.name_scope(f"input_{number}"):
                image = tf.compat.v1.placeholder(tf.string, (), IMAGE)
                row = tf.identity(_row(image, spec, tf.as_dtype(dtypes[name])), ROW)
            signatures[name] = Signature(
                inputs=(Tensor(IMAGE, image.name, "string", ()),),
                outputs=(Tensor(ROW, row.name, dtypes[name], spec.shape),),
            )
    return Frozen(
        graph=graph.as_graph_def(),
        signatures=signatures,
        default=next(iter(signatures)),
        unsupported={},
        initialization=(),
        assets={},
    )


def _row(image: Any, spec: ImageSpec, dtype: Any) -> Any:
    """Of the encoded ``image``: the tensor [height, width, channels]."""
    # The exact transform, not the fast one. DecodeJpeg decodes a PNG as well, each as what it is.
    pixels = tf.io.decode_jpeg(image, spec.channels, dct_method="INTEGER_ACCURATE")
    size = (spec.height, spec.width)
    (resized,) = tf.unstack(tf.image.resize(pixels[tf.newaxis], size, "bilinear"), num=1)
    mean, factor = (np.array(numbers, np.float32) for numbers in (spec.mean, spec.factor))
    row = (resized - mean) * factor
    if dtype.is_integer:
        row = tf.saturate_cast(tf.round(row), dtype)
    return tf.cast(row, dtype)


def _problem(frozen: Frozen, samples: Mapping[str, Sequence[image_proof.Sample]]) -> str | None:
    # From its bytes, as it will be read from the artifact.
    graph = GraphDef.FromString(frozen.graph.SerializeToString(deterministic=True))
    try:
        with Runner.of(graph, (), {}) as runner:
            for name, signature in frozen.signatures.items():
                call = _caller(runner, signature)
                if different := image_proof.disagreement(call, samples[name]):
                    return f"input {name!r}, {different}"
    except (OpError, ValueError) as error:
        return f"it does not run: {reason(error)}"
    return None


def _caller(runner: Runner, signature: Signature) -> Callable[[bytes], image_proof.Array]:
    return lambda image: runner.run(signature, {IMAGE: np.array(image, object)})[ROW]


def _described(signatures: Mapping[str, Signature]) -> dict[str, Image]:
    found = {}
    for name, signature in signatures.items():
        (image,), (row,) = signature.inputs, signature.outputs
        found[name] = Image(FILE, image.tensor, row.tensor, row.dtype, row.shape or ())
    return found
