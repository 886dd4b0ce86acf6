"""The proof: the frozen graph answers as the original does, row by row and run by run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Arrays, StuckError, reason
from frazil_runtime.manifest import Signature

Array = npt.NDArray[Any]
Call = Callable[[Arrays], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the original said to one sample; ``stable`` are the outputs it said twice."""

    inputs: Arrays
    outputs: Mapping[str, Array]
    stable: frozenset[str]


def answers(
    name: str, call: Call, samples: Sequence[Arrays], why: str = "there is none"
) -> list[Answer]:
    """The original's answers to the samples it accepts; ``why`` says why there may be no samples.

    Raises FreezeError (PROOF_FAILED) where it accepts none: a proof in which every sample errs
    is no proof.
    """
    found: list[Answer] = []
    for inputs in samples:
        try:
            first, second = call(inputs), call(inputs)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            why = reason(error)
            continue
        stable = frozenset(key for key in first if difference(first[key], second[key], 0) is None)
        found.append(Answer(inputs, first, stable))
    if not found:
        raise FreezeError(
            Exit.PROOF_FAILED,
            f"signature {name!r}: the model accepts no sample, so nothing can be proved "
            f"({why}). Give real inputs in `checkpoint.samples`, an npz with arrays named as "
            "the inputs",
        )
    return found


def disagreement(call: Call, expected: Sequence[Answer], tolerance: float) -> str | None:
    """The first difference between ``call`` and the expected answers, in words; None without.

    Of an output that the original does not repeat (random numbers) only dtype and shape count.
    """
    for number, answer in enumerate(expected):
        try:
            outputs = call(answer.inputs)
        except (tf.errors.OpError, ValueError) as error:
            return f"sample {number}: {reason(error)}"
        for key, value in answer.outputs.items():
            if key in answer.stable:
                different = difference(value, outputs[key], tolerance)
            else:
                different = _form_difference(value, outputs[key])
            if different:
                return f"sample {number}, output {key!r}: {different}"
    return None


def deterministic(call: Call, expected: Sequence[Answer]) -> bool:
    """Whether two runs of each sample give the same bits."""
    return all(
        disagreement(call, [Answer(answer.inputs, call(answer.inputs), every)], 0) is None
        for answer in expected
        for every in [frozenset(answer.outputs)]
    )


def batchable(
    signature: Signature, call: Call, expected: Sequence[Answer], tolerance: float
) -> bool:
    """Whether three different rows run together answer as each of them alone.

    Only asked where every input and output has a free leading dimension, or an output of
    unknown rank.
    """
    if not leads_free(signature):
        return False
    rows = _different_rows(call, expected[0].inputs)
    together = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    try:
        alone = [call(row) for row in rows]
        merged = call(together)
    except (tf.errors.OpError, ValueError, StuckError):
        return False
    if any(value.ndim == 0 or len(value) != 1 for row in alone for value in row.values()):
        return False
    return all(
        difference(np.concatenate([row[key] for row in alone]), merged[key], tolerance) is None
        for key in merged
    )


def leads_free(signature: Signature) -> bool:
    """Whether inputs and outputs may have any number of rows."""
    inputs = [tensor.shape for tensor in signature.inputs]
    outputs = [tensor.shape for tensor in signature.outputs if tensor.shape is not None]
    return bool(inputs) and all(shape and shape[0] == -1 for shape in [*inputs, *outputs])


def difference(expected: Array, actual: Array, tolerance: float) -> str | None:
    """How two arrays differ, in words; None where they are equal within the tolerance.

    ``tolerance`` is relative and absolute, and at least the dtype's own precision unless 0; NaN
    equals NaN; integers, bools and strings are equal or not.
    """
    form = _form_difference(expected, actual)
    if form or not expected.size:
        return form
    if not _inexact(expected):
        wrong = int(np.sum(expected != actual))
        return f"{wrong} of {expected.size} values differ" if wrong else None
    if tolerance and expected.dtype.itemsize < 4:
        tolerance = max(tolerance, 2.0 ** (-7 if expected.dtype.name == "bfloat16" else -9))
    left, right = _wide(expected), _wide(actual)
    if np.allclose(right, left, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    both = np.isfinite(left) & np.isfinite(right)
    worst = np.max(np.abs(left[both] - right[both]), initial=0)
    odd = int(np.sum(~both))
    return f"values differ by up to {worst:.3g}, the tolerance is {tolerance:g}" + (
        f" ({odd} of {both.size} are infinite or NaN)" if odd else ""
    )


def _form_difference(expected: Array, actual: Array) -> str | None:
    if expected.dtype != actual.dtype:
        return f"dtype {actual.dtype} instead of {expected.dtype}"
    if expected.shape != actual.shape:
        return f"shape {actual.shape} instead of {expected.shape}"
    return None


def _inexact(array: Array) -> bool:
    return array.dtype.name == "bfloat16" or np.issubdtype(array.dtype, np.inexact)


def _wide(array: Array) -> Array:
    """Half precision cannot hold the differences of half precision."""
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def _different_rows(call: Call, sample: Arrays) -> list[Arrays]:
    """Two rows of a sample and one that is unlike them, so that a look across rows shows."""
    first, second = ({key: a[i : i + 1] for key, a in sample.items()} for i in range(2))
    scaled = {key: _scaled(array) for key, array in first.items()}
    if any(len(array) == 0 for array in second.values()):
        second = scaled
    turned = {key: _turned(array) for key, array in first.items()}
    return [first, second, turned if _accepts(call, turned) else scaled]


def _accepts(call: Call, inputs: Arrays) -> bool:
    """Of a row that nobody gave: where the model never ends on it, another is looked at."""
    try:
        call(inputs)
    except (tf.errors.OpError, ValueError, StuckError):
        return False
    return True


def _scaled(row: Array) -> Array:
    return (row * 0.9).astype(row.dtype) if _inexact(row) else np.flip(row, -1)


def _turned(row: Array) -> Array:
    """Other values that are still valid: of the other sign, or in the other order."""
    return (-row).astype(row.dtype) if _inexact(row) else np.flip(row, -1)
