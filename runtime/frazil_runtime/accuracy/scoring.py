"""PURE. Labels held against what was predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy.typing as npt

from frazil_runtime.accuracy.predicted import Predicted
from frazil_runtime.contract.accuracy import MAGNITUDE, Counts, Metric

_CLASSES: Final = 2**32  # there are no more

Values = npt.NDArray[Any]


class LabelError(ValueError):
    """Labels that cannot be meant; the message says which, and what they should be."""


def score(
    metric: Metric,
    predicted: Predicted,
    labels: Sequence[object],
    rows: Sequence[object] | None = None,
) -> Counts:
    """The counts of these labels, one for each row predicted, or for each of ``rows``.

    Labels are whole numbers from 0 on, the index of the true class, for Accuracy and TopK;
    true, false, 1 or 0 for BinaryF1; finite numbers for MeanAbsoluteError. LabelError.
    """
    chosen = _rows(predicted.rows, len(labels), rows)
    values = predicted.values if rows is None else predicted.values[chosen]
    for at, label in enumerate(labels):
        if not _IS_LABEL[metric](label):
            raise LabelError(f"labels[{at}] must be {_WANTED[metric]}")
    return _COUNT[metric](values, labels)


def _rows(most: int, labels: int, sent: Sequence[object] | None) -> list[int]:
    if not labels:
        raise LabelError("there are no labels")
    if sent is None:
        if labels != most:
            raise LabelError(
                f"there must be {most} labels, one for each row of the prediction, not {labels}: "
                'name the rows that they are of, counted from 0, in "rows"'
            )
        return []
    rows = [row for row in sent if type(row) is int and 0 <= row < most]
    if len(set(rows)) != len(sent):
        raise LabelError(f"rows must be different whole numbers from 0 to {most - 1}")
    if len(rows) != labels:
        raise LabelError(f"there must be a label for each row: {labels} labels, {len(rows)} rows")
    return rows


def _is_class(label: object) -> bool:
    return type(label) is int and 0 <= label < _CLASSES


def _is_truth(label: object) -> bool:
    return type(label) is bool or (type(label) is int and 0 <= label <= 1)


def _is_number(label: object) -> bool:
    if not isinstance(label, int | float) or isinstance(label, bool):
        return False
    return -MAGNITUDE <= label <= MAGNITUDE


def _hits(values: Values, labels: Sequence[Any]) -> Counts:
    right = sum(label in row for label, row in zip(labels, values.tolist(), strict=True))
    return Counts(labels=len(labels), right=right)


def _confusion(values: Values, labels: Sequence[Any]) -> Counts:
    pairs = [
        (bool(said), bool(true)) for (said,), true in zip(values.tolist(), labels, strict=True)
    ]
    return Counts(
        labels=len(labels),
        true_positives=pairs.count((True, True)),
        false_positives=pairs.count((True, False)),
        false_negatives=pairs.count((False, True)),
        true_negatives=pairs.count((False, False)),
    )


def _errors(values: Values, labels: Sequence[Any]) -> Counts:
    errors = [abs(got - true) for got, true in zip(values[:, 0].tolist(), labels, strict=True)]
    squares = math.fsum(error * error for error in errors)
    return Counts(labels=len(labels), error=math.fsum(errors), squared_error=squares)


_INDEX: Final = "the index of a class, a whole number from 0 on"
_WANTED: Final = {
    Metric.ACCURACY: _INDEX,
    Metric.TOP_K: _INDEX,
    Metric.BINARY_F1: "true or false, or 1 or 0",
    Metric.MEAN_ABSOLUTE_ERROR: f"a number, at most {MAGNITUDE:g} from 0",
}
_IS_LABEL: Final[dict[Metric, Callable[[object], bool]]] = {
    Metric.ACCURACY: _is_class,
    Metric.TOP_K: _is_class,
    Metric.BINARY_F1: _is_truth,
    Metric.MEAN_ABSOLUTE_ERROR: _is_number,
}
_COUNT: Final[dict[Metric, Callable[[Values, Sequence[Any]], Counts]]] = {
    Metric.ACCURACY: _hits,
    Metric.TOP_K: _hits,
    Metric.BINARY_F1: _confusion,
    Metric.MEAN_ABSOLUTE_ERROR: _errors,
}
