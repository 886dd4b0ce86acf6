"""Texts a model may accept: plain ones, numbers, serialised tf.Examples, images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from frazil_runtime.freeze.runner import Runner
from frazil_runtime.freeze.samples import Strings
from frazil_runtime.manifest import Signature

_KEYS = "reading the names of the features"
_PLAIN = (b"a", b"sample", b"of", b"text")
_LENGTHS = (1, 3, 2)  # of one text after the other, in words; of one list of values
_PARSERS = ("ParseExample", "ParseExampleV2")


def candidates(
    runner: Runner, signature: Signature, vocabulary: Sequence[bytes] = ()
) -> list[Strings]:
    """Ways to fill the string inputs, the likeliest first; what the graph parses decides.

    ``vocabulary`` are texts that its lookup tables know.
    """
    known = partial(words, vocabulary=vocabulary)
    if not any(tensor.dtype == "string" for tensor in signature.inputs):
        return [words]
    operations = runner.graph.get_operations()
    examples = [_examples(runner, op, known) for op in operations if op.type in _PARSERS]
    images = [jpegs] if any(op.type.startswith("Decode") for op in operations) else []
    return [*examples, *images, known, digits]


def words(random: np.random.Generator, count: int, vocabulary: Sequence[bytes] = ()) -> list[bytes]:
    """Texts of one word, of three and of two, in turn.

    Unlike in length, since a model that pads them may answer to the longest of a batch. The words
    are the vocabulary's, in turn from a random one on, and some that are not in it.
    """
    pool = [*vocabulary, *_PLAIN]
    first = int(random.integers(0, len(vocabulary) or len(pool)))
    return [
        b" ".join(pool[(first + number + word) % len(pool)] for word in range(_length(number)))
        for number in range(count)
    ]


def _length(number: int) -> int:
    return _LENGTHS[number % len(_LENGTHS)]


def digits(random: np.random.Generator, count: int) -> list[bytes]:
    """Texts that are numbers."""
    return [b"%d" % number for number in random.integers(0, 2, count)]


def jpegs(random: np.random.Generator, count: int) -> list[bytes]:
    """Images of 64 by 64 pixels, three channels."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        pixels = tf.compat.v1.placeholder(tf.uint8, [64, 64, 3])
        encoded = tf.io.encode_jpeg(pixels)
        images = random.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
        return [session.run(encoded, {pixels: image}) for image in images]


def _examples(runner: Runner, parser: Any, texts: Strings) -> Strings:
    """Examples with every feature the node parses; its keys are constants of the graph."""
    features = (
        _features_v2(runner, parser) if parser.type.endswith("V2") else _features(runner, parser)
    )

    def serialised(random: np.random.Generator, count: int) -> list[bytes]:
        return [_example(features, random, texts, _length(row)) for row in range(count)]

    return serialised


def _features(runner: Runner, parser: Any) -> list[tuple[bytes, Any, int]]:
    """Inputs: serialized, names, Nsparse keys, Ndense keys, Ndense defaults."""
    sparse, dense = parser.get_attr("Nsparse"), parser.get_attr("Ndense")
    keys = runner.fetch(list(parser.inputs[2 : 2 + sparse + dense]), {}, _KEYS)
    return _described(parser, keys[:sparse], keys[sparse:])


def _features_v2(runner: Runner, parser: Any) -> list[tuple[bytes, Any, int]]:
    """Inputs: serialized, names, sparse keys, dense keys, ragged keys (a vector each)."""
    sparse, dense, ragged = runner.fetch(list(parser.inputs[2:5]), {}, _KEYS)
    described = _described(parser, list(sparse), list(dense))
    types = parser.get_attr("ragged_value_types")
    return described + [(key, dtype, -1) for key, dtype in zip(ragged, types, strict=True)]


def _described(
    parser: Any, sparse: list[bytes], dense: list[bytes]
) -> list[tuple[bytes, Any, int]]:
    """Key, dtype and number of values of each feature, negative where a list of any number.

    A list is one of as many values, or of a multiple.
    """
    found = [(key, t, -1) for key, t in zip(sparse, parser.get_attr("sparse_types"), strict=True)]
    shapes = [[dim.size for dim in shape.dim] for shape in parser.get_attr("dense_shapes")]
    for key, dtype, shape in zip(dense, parser.get_attr("Tdense"), shapes, strict=True):
        found.append((key, dtype, int(np.prod(shape))))
    return found


def _example(
    features: list[tuple[bytes, Any, int]], random: np.random.Generator, texts: Strings, length: int
) -> bytes:
    """An Example whose lists are ``length`` times the shortest there may be."""
    example = tf.train.Example()
    for key, dtype, values in features:
        count = values if values >= 0 else -values * length
        feature = example.features.feature[key.decode()]
        if dtype == tf.string:
            feature.bytes_list.value.extend(texts(random, count))
        elif dtype == tf.int64:
            feature.int64_list.value.extend(random.integers(0, 2, count).tolist())
        else:
            feature.float_list.value.extend(random.random(count).tolist())
    serialised: bytes = example.SerializeToString(deterministic=True)
    return serialised
