"""PURE. What an answer has predicted, as small as its metric allows: it travels in every id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from frazil_runtime.contract.accuracy import MAGNITUDE, ROWS, AccuracyRules, Metric

Array = npt.NDArray[Any]

BYTES: Final = 2048  # of all values of one answer, at most

_BITS: Final = "?"  # in place of a dtype's letter: eight values are a byte
_FLOAT: Final = "f"
_DTYPES: Final = {kind: np.dtype(f"<{kind}") for kind in "BHIf"}
_UNBOUNDED: Final = 2**63  # classes, where the model itself has chosen


class Predicted(NamedTuple):
    """``rows`` rows of ``width`` values each in ``data``: little-endian numbers of the dtype whose
    letter is ``kind``, or single bits (``?``). Classes are indices, by no order in a row."""

    kind: str
    width: int
    rows: int
    data: bytes

    @property
    def values(self) -> Array:
        """int64, or float64 [rows, width]."""
        if self.kind == _BITS:
            packed = np.frombuffer(self.data, np.uint8)
            return np.unpackbits(packed, count=self.rows).reshape(-1, 1).astype(np.int64)
        flat = np.frombuffer(self.data, _DTYPES[self.kind]).reshape(self.rows, self.width)
        return flat.astype(np.float64 if self.kind == _FLOAT else np.int64)


class UnfitError(Exception):
    """An answer that cannot be scored; the message, of plain letters alone, says why."""


def predicted(rules: AccuracyRules, output: Array) -> Predicted:
    """What the scored output of one answer has predicted.

    int32 and int64 are classes that the model has chosen itself ([rows] or [rows, 1] for Accuracy,
    [rows, n], best first, for TopK); other numbers are scores [rows, classes]. BinaryF1 takes
    probabilities ([rows], [rows, 1], or [rows, 2], of which the second is positive's) or truths;
    MeanAbsoluteError takes numbers, [rows] or [rows, 1]. UnfitError says what else it is.
    """
    if output.dtype.kind in "OcUS":
        raise UnfitError("the scored output has no real numbers")
    if not output.ndim or output.ndim > 2:
        raise UnfitError(f"the scored output has rank {output.ndim}, not 1 or 2")
    if not 0 < len(output) <= ROWS:
        raise UnfitError(f"the answer has {len(output)} rows: between 1 and {ROWS} can be scored")
    if not output.size:
        raise UnfitError("the scored output has rows of nothing")
    if not output.size:
        raise UnfitError("the scored output has rows of nothing")
    if output.dtype.kind == "V":  # bfloat16
        output = output.astype(np.float32)
    found = _OF[rules.metric](rules, output)
    if len(found.data) > BYTES:
        raise UnfitError(f"what was predicted has {len(found.data)} bytes: at most {BYTES} travel")
    return found


def _best(_: AccuracyRules, output: Array) -> Predicted:
    if _is_chosen(output):
        return _indices(_column(output), _UNBOUNDED)
    return _indices(_scores(output).argmax(axis=1), output.shape[1])


def _best_k(rules: AccuracyRules, output: Array) -> Predicted:
    k = rules.k
    if _is_chosen(output):
        return _indices(output.reshape(len(output), -1)[:, :k], _UNBOUNDED)
    classes = _scores(output).shape[1]
    if classes <= k:
        raise UnfitError(f"there are {classes} classes: all of them are among the best {k}")
    return _indices(output.argpartition(classes - k, axis=1)[:, classes - k :], classes)


def _positive(rules: AccuracyRules, output: Array) -> Predicted:
    column = output[:, 1] if output.ndim == 2 and output.shape[1] == 2 else _column(output)
    bits = np.packbits(column >= rules.threshold if column.dtype.kind == "f" else column != 0)
    return Predicted(_BITS, 1, len(column), bits.tobytes())


def _number(_: AccuracyRules, output: Array) -> Predicted:
    values = _column(output).astype(np.float64)
    if not (np.abs(values) <= MAGNITUDE).all():  # nor is NaN
        raise UnfitError(f"a predicted value is beyond {MAGNITUDE:g}, or no number")
    return Predicted(_FLOAT, 1, len(values), values.astype(_DTYPES[_FLOAT]).tobytes())


_OF: Final[dict[Metric, Callable[[AccuracyRules, Array], Predicted]]] = {
    Metric.ACCURACY: _best,
    Metric.TOP_K: _best_k,
    Metric.BINARY_F1: _positive,
    Metric.MEAN_ABSOLUTE_ERROR: _number,
}


def _is_chosen(output: Array) -> bool:
    return output.dtype.kind == "i" and output.dtype.itemsize > 2


def _scores(output: Array) -> Array:
    if output.ndim < 2 or output.shape[1] < 2:
        raise UnfitError("the scored output has one value a row: scores of 2 classes are the least")
    return output


def _column(output: Array) -> Array:
    if output.ndim == 2 and output.shape[1] != 1:
        raise UnfitError(f"the scored output has {output.shape[1]} values a row: one is scored")
    return output.reshape(-1)


def _indices(classes: Array, most: int) -> Predicted:
    """In as few bytes as hold them; ``most`` is how many classes there may be."""
    if most == _UNBOUNDED:
        least, most = int(classes.min()), int(classes.max()) + 1
        if least < 0 or most > 2**32:
            raise UnfitError("a class is below 0, or beyond 32 bits")
    kind = "B" if most <= 2**8 else "H" if most <= 2**16 else "I"
    width = classes.shape[1] if classes.ndim == 2 else 1
    return Predicted(kind, width, len(classes), classes.astype(_DTYPES[kind]).tobytes())
