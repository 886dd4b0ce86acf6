"""What a signature is proved with: samples it accepts, and the smallest sizes of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import tensorflow as tf

from frazil_runtime.freeze import samples
from frazil_runtime.freeze.runner import Arrays, Runner, reason
from frazil_runtime.freeze.shapes import Sizes, free_dimensions, smallest
from frazil_runtime.freeze.sparse import sparse_inputs
from frazil_runtime.freeze.strings import candidates, words
from frazil_runtime.manifest import Signature

_ROWS = 3
_RANKS = range(5)  # tried for an input whose rank is free


@dataclass(frozen=True, slots=True)
class Evidence:
    """Samples, the first with several rows where it may, and the smallest sizes, where known.

    ``reason`` says why there are no samples.
    """

    samples: Sequence[Arrays]
    sizes: Sizes
    reason: str = ""


def gather(
    runner: Runner,
    signature: Signature,
    given: Sequence[Arrays],
    vocabulary: Sequence[bytes] = (),
) -> Evidence:
    """The given samples, else generated ones, and the sizes found by running them."""
    if given:
        return _from_given(runner, signature, given)
    return _generated(runner, signature, vocabulary)


def _from_given(runner: Runner, signature: Signature, given: Sequence[Arrays]) -> Evidence:
    if any(sparse_inputs(signature)):
        return Evidence(given, {})  # sizes that fit each other are the sample's own
    real = given[0]
    known = {(name, axis): real[name].shape[axis] for name, axis in free_dimensions(signature)}

    def probe(sizes: Sizes) -> Arrays:
        return {
            name: samples.resized(
                array, [sizes.get((name, axis), size) for axis, size in enumerate(array.shape)]
            )
            for name, array in real.items()
        }

    return Evidence(given, smallest(runner, signature, probe, known) or {})


def _generated(runner: Runner, signature: Signature, vocabulary: Sequence[bytes]) -> Evidence:
    """The first kind of texts, and rank of what has no rank, that the model accepts."""
    ranked = [signature]
    if any(tensor.shape is None for tensor in signature.inputs):
        ranked = [_with_rank(signature, rank) for rank in _RANKS]
    for candidate in ranked:
        for strings in candidates(runner, candidate, vocabulary):
            row = partial(samples.generated, candidate, strings=strings, rows=1)
            sizes = smallest(runner, candidate, row, None)
            if sizes is not None:
                return Evidence(_batches(candidate, sizes, strings), sizes)
    return Evidence((), {}, _refusal(runner, ranked[0]))


def _refusal(runner: Runner, signature: Signature) -> str:
    """What the model says to the plainest of the samples."""
    try:
        runner.run(signature, samples.generated(signature, {}, words, 1))
    except (tf.errors.OpError, ValueError) as error:
        return reason(error)
    return "its convolutions were given images smaller than their kernels"


def _batches(signature: Signature, sizes: Sizes, strings: samples.Strings) -> list[Arrays]:
    """Several rows, one row, and several rows of twice the smallest sizes."""
    large = {dimension: size * (2 if dimension[1] else 1) for dimension, size in sizes.items()}
    return [
        samples.generated(signature, sizes, strings, _ROWS),
        samples.generated(signature, sizes, strings, 1, seed=1),
        samples.generated(signature, large, strings, _ROWS, seed=2),
    ]


def _with_rank(signature: Signature, rank: int) -> Signature:
    inputs = tuple(
        replace(tensor, shape=(-1,) * rank) if tensor.shape is None else tensor
        for tensor in signature.inputs
    )
    return replace(signature, inputs=inputs)
