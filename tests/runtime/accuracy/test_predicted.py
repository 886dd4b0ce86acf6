"""What travels of an answer, by metric: classes, bits, numbers."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from frazil_runtime.accuracy.predicted import UnfitError, predicted
from frazil_runtime.contract.accuracy import MAGNITUDE, AccuracyRules, Metric

ACCURACY, TOP_K, BINARY, ERROR = Metric
NAN = float("nan")


def f32(*rows: Any) -> np.ndarray[Any, Any]:
    return np.array(rows, np.float32)


@pytest.mark.parametrize(
    ("metric", "output", "values"),
    [
        pytest.param(ACCURACY, f32([0.1, 0.7, 0.2], [3, 2, 1]), [[1], [0]], id="the best score"),
        pytest.param(
            ACCURACY, f32([1, 2]).astype(ml_dtypes.bfloat16), [[1]], id="of bfloat16, too"
        ),
        pytest.param(ACCURACY, np.array([[1, 9]], np.uint8), [[1]], id="of quantised scores"),
        pytest.param(ACCURACY, np.array([7, 300]), [[7], [300]], id="the class it chose"),
        pytest.param(ACCURACY, np.array([[7]], np.int32), [[7]], id="in a column"),
        pytest.param(ACCURACY, np.array([2**32 - 1]), [[2**32 - 1]], id="of very many"),
        pytest.param(TOP_K, f32([1, 9, 5, 7], [9, 8, 0, 1]), [{1, 3}, {0, 1}], id="the best two"),
        pytest.param(TOP_K, np.array([[4, 2, 9]]), [{4, 2}], id="the first two it chose"),
        pytest.param(TOP_K, np.array([[4]]), [{4}], id="the only one it chose"),
        pytest.param(BINARY, f32(0.4, 0.5, 0.6), [[0], [1], [1]], id="from the threshold on"),
        pytest.param(BINARY, f32([0.9], [0.1]), [[1], [0]], id="a column of probabilities"),
        pytest.param(BINARY, f32([0.2, 0.8], [0.8, 0.2]), [[1], [0]], id="positive's of both"),
        pytest.param(BINARY, np.array([True, False]), [[1], [0]], id="truths"),
        pytest.param(BINARY, np.array([0, 1, 2]), [[0], [1], [1]], id="whole numbers"),
        pytest.param(BINARY, f32(*[1] * 9), [[1]] * 9, id="more bits than a byte has"),
        pytest.param(ERROR, f32(1.5, -2), [[1.5], [-2]], id="numbers"),
        pytest.param(ERROR, np.array([[3]], np.int64), [[3]], id="whole ones in a column"),
    ],
)
def test_what_was_predicted_by(metric: Metric, output: Any, values: list[Any]) -> None:
    found = predicted(AccuracyRules(metric=metric, k=2), output)
    assert found.rows == len(output)
    rows = found.values.tolist()
    assert [set(row) if metric is TOP_K else row for row in rows] == values


@pytest.mark.parametrize(
    ("classes", "size"),
    [
        pytest.param(256, 1, id="few classes"),
        pytest.param(257, 2, id="many"),
        pytest.param(65_537, 4, id="a vocabulary"),
    ],
)
def test_a_class_takes_no_more_bytes_than_it_needs(classes: int, size: int) -> None:
    output = np.zeros((1, classes), np.float32)
    output[0, -1] = 1
    found = predicted(AccuracyRules(), output)
    assert len(found.data) == size
    assert found.values.tolist() == [[classes - 1]]


@pytest.mark.parametrize(
    ("metric", "output", "why"),
    [
        pytest.param(ACCURACY, np.array([b"a"], object), "no real numbers", id="labels as texts"),
        pytest.param(ERROR, np.zeros(1, np.complex64), "no real numbers", id="complex numbers"),
        pytest.param(ACCURACY, np.float32(1), "rank 0", id="a number alone"),
        pytest.param(ACCURACY, np.zeros((1, 8, 8, 3)), "rank 4", id="an image"),
        pytest.param(ACCURACY, np.zeros((0, 3)), "0 rows", id="no rows"),
        pytest.param(ACCURACY, np.zeros((257, 3)), "257 rows", id="too many rows"),
        pytest.param(ACCURACY, np.zeros((1, 0)), "rows of nothing", id="rows of nothing"),
        pytest.param(ACCURACY, f32([0.9]), "one value a row", id="one score"),
        pytest.param(ACCURACY, f32(0.9), "one value a row", id="one score, bare"),
        pytest.param(ACCURACY, np.array([[1, 2]]), "2 values a row", id="two chosen classes"),
        pytest.param(ACCURACY, np.array([-1]), "below 0", id="a chosen class below 0"),
        pytest.param(ACCURACY, np.array([2**32]), "beyond 32 bits", id="a class beyond all"),
        pytest.param(TOP_K, f32([1, 2]), "2 classes", id="as many classes as are the best"),
        pytest.param(BINARY, np.zeros((1, 3)), "3 values a row", id="truths of three kinds"),
        pytest.param(ERROR, np.zeros((1, 2)), "2 values a row", id="two numbers a row"),
        pytest.param(ERROR, f32(NAN), "no number", id="a number that is none"),
        pytest.param(ERROR, np.float64([1e300]), "beyond", id="a number that fits nowhere"),
        pytest.param(ERROR, np.float64([-2 * MAGNITUDE]), "beyond", id="a number too far below"),
    ],
)
def test_what_cannot_be_scored_is_named(metric: Metric, output: Any, why: str) -> None:
    with pytest.raises(UnfitError, match=why):
        predicted(AccuracyRules(metric=metric, k=2), output)


def test_what_would_be_too_long_does_not_travel() -> None:
    with pytest.raises(UnfitError, match="5120 bytes"):
        predicted(AccuracyRules(metric=TOP_K, k=10), np.zeros((256, 1000)))
