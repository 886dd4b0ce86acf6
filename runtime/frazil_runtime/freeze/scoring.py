"""Pure: how right a model's outputs are, counted over batches of labelled rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError

Array = npt.NDArray[Any]
Counts = Mapping[str, float]

THRESHOLD: Final = 0.5  # from it on a binary score says yes


class EvaluationError(FreezeError):
    """Dataset and model do not go together, and another try would not change that."""

    def __init__(self, message: str) -> None:
        super().__init__(Exit.EVALUATION_FAILED, message)


@dataclass(frozen=True, slots=True)
class Metric:
    """``count`` takes outputs, labels and k, rows first, and counts; counts of batches are added
    up. ``value`` makes of them what is compared with the bound. Both raise EvaluationError."""

    count: Callable[[Array, Array, int], Counts]
    value: Callable[[Counts], float]


def added(one: Counts, other: Counts) -> dict[str, float]:
    """The counts of both."""
    return {name: one.get(name, 0) + count for name, count in other.items()}


def _accuracy(outputs: Array, labels: Array, k: int) -> Counts:
    """Outputs are scores [n, classes], of which the first of the largest counts, or classes [n]."""
    if _is_column(outputs) and not np.issubdtype(outputs.dtype, np.floating):
        return _share(_same(outputs.reshape(-1), _column(labels)))
    return _top_k(outputs, labels, 1)


def _top_k(outputs: Array, labels: Array, k: int) -> Counts:
    """Outputs are scores [n, classes]. Of equal scores the first counts as larger, as in argmax."""
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise EvaluationError(
            f"the output has the shape {list(outputs.shape)}, but classes are scored as [samples, "
            "classes]: name another output, or take BinaryF1 for one score a sample and "
            "MeanAbsoluteError for a quantity"
        )
    scores, classes = _finite("output", outputs), outputs.shape[1]
    if k >= classes:
        raise EvaluationError(f"k is {k}, but there are {classes} classes: all would be right")
    label = _whole(_column(labels), classes)[:, None]
    own = np.take_along_axis(scores, label, 1)
    before = np.arange(classes) < label
    return _share((scores > own).sum(1) + ((scores == own) & before).sum(1) < k)


def _binary(outputs: Array, labels: Array, k: int) -> Counts:
    """Outputs are the probability of yes, [n] or [n, 1], or those of no and yes, [n, 2]."""
    pair = outputs.ndim == 2 and outputs.shape[1] == 2
    if not pair and not _is_column(outputs):
        raise EvaluationError(
            f"the output has the shape {list(outputs.shape)}, but a binary score is [samples], "
            "[samples, 1] or [samples, 2]: name another output or metric"
        )
    scores = _finite("output", outputs[:, 1] if pair else outputs.reshape(-1))
    said, true = scores >= THRESHOLD, _whole(_column(labels), 2) == 1
    cells = {"tp": said & true, "fp": said & ~true, "fn": ~said & true, "tn": ~said & ~true}
    return {name: float(cell.sum()) for name, cell in cells.items()}


def _absolute_error(outputs: Array, labels: Array, k: int) -> Counts:
    """Outputs and labels are quantities of one shape, rows first; a row's error is its mean."""
    there, true = _finite("output", outputs), _finite("labels", labels)
    if there.size != true.size or (there.shape != true.shape and not _is_column(there)):
        raise EvaluationError(
            f"labels of the shape {list(true.shape)} are none for an output of the shape "
            f"{list(there.shape)}"
        )
    rows = len(there)
    errors = np.abs(there.reshape(rows, -1) - true.reshape(rows, -1)).mean(1)
    squares = float((errors**2).sum())
    return {"scored": float(rows), "sum": float(errors.sum()), "sum_of_squares": squares}


def _share(right: Array) -> Counts:
    return {"right": float(right.sum()), "scored": float(len(right))}


def _same(classes: Array, labels: Array) -> Array:
    if (classes.dtype == object) != (labels.dtype == object):
        kinds = ["strings" if array.dtype == object else "numbers" for array in (classes, labels)]
        raise EvaluationError(f"the model's classes are {kinds[0]}, the labels {kinds[1]}")
    return np.asarray(classes == (labels if labels.dtype == object else _finite("labels", labels)))


def _is_column(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _column(labels: Array) -> Array:
    if not _is_column(labels):
        raise EvaluationError(
            f"labels of the shape {list(labels.shape)}: there must be one a sample, the class's "
            "number and not one score for each class"
        )
    return labels.reshape(-1)


def _finite(what: str, array: Array) -> Array:
    """The array as float64, which no float may be NaN or infinite in."""
    if array.dtype == object or array.dtype.kind in "SUc":
        raise EvaluationError(f"{what}: numbers are compared, not {array.dtype}")
    floats = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(floats))
    if len(wrong):
        at = tuple(wrong[0])
        raise EvaluationError(f"{what} {list(map(int, at))} is {floats[at]:g}")
    return floats


def _whole(labels: Array, classes: int) -> Array:
    floats = _finite("labels", labels)
    wrong = (floats != np.floor(floats)) | (floats < 0) | (floats >= classes)
    if wrong.any():
        raise EvaluationError(
            f"the label {floats[wrong][0]:g} is none of the classes 0 to {classes - 1}"
        )
    return floats.astype(np.int64)


def _ratio(counts: Counts) -> float:
    return counts["right"] / counts["scored"]


def _f1(counts: Counts) -> float:
    if not counts["tp"] + counts["fn"]:
        raise EvaluationError("no label is 1: without one, F1 is not defined")
    return 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"])


def _mean(counts: Counts) -> float:
    return counts["sum"] / counts["scored"]


METRICS: Final[Mapping[str, Metric]] = {
    "Accuracy": Metric(_accuracy, _ratio),
    "TopK": Metric(_top_k, _ratio),
    "BinaryF1": Metric(_binary, _f1),
    "MeanAbsoluteError": Metric(_absolute_error, _mean),
}
