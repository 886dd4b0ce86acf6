"""Labels held against what was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from frazil_runtime.accuracy.predicted import Predicted, predicted
from frazil_runtime.accuracy.scoring import LabelError, score
from frazil_runtime.contract.accuracy import MAGNITUDE, AccuracyRules, Counts, Metric

ACCURACY, TOP_K, BINARY, ERROR = Metric


def of(metric: Metric) -> Predicted:
    """Three rows: the classes 2, 0, 1; the best two 1 and 2 each; 1, 0, 1; 1.5, -2, 0."""
    output: Any = {
        ACCURACY: np.array([2, 0, 1]),
        TOP_K: np.float32([[0, 1, 2]] * 3),
        BINARY: np.float32([0.9, 0.1, 0.7]),
        ERROR: np.float32([1.5, -2, 0]),
    }[metric]
    return predicted(AccuracyRules(metric=metric, k=2), output)


@pytest.mark.parametrize(
    ("metric", "labels", "rows", "counts"),
    [
        pytest.param(ACCURACY, [2, 0, 0], None, Counts(labels=3, right=2), id="two are right"),
        pytest.param(ACCURACY, [9], [0], Counts(labels=1), id="a class that it never says"),
        pytest.param(ACCURACY, [1, 2], [2, 0], Counts(labels=2, right=2), id="some rows"),
        pytest.param(TOP_K, [0, 1, 2], None, Counts(labels=3, right=2), id="among the best"),
        pytest.param(
            BINARY,
            [True, True, False],
            None,
            Counts(labels=3, true_positives=1, false_negatives=1, false_positives=1),
            id="truths",
        ),
        pytest.param(BINARY, [0], [1], Counts(labels=1, true_negatives=1), id="0 for false"),
        pytest.param(
            *(ERROR, [1, -4.0, 0], None),
            Counts(labels=3, error=2.5, squared_error=4.25),
            id="errors and their squares",
        ),
    ],
)
def test_labels_count(
    metric: Metric, labels: list[object], rows: list[object] | None, counts: Counts
) -> None:
    assert score(metric, of(metric), labels, rows) == counts


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        *[
            pytest.param(metric, label, id=f"{metric}: {what}")
            for metric in (ACCURACY, TOP_K)
            for what, label in {
                "the class's name": "cat",
                "a class as a float": 1.0,
                "a truth": True,
                "below 0": -1,
                "beyond all classes": 2**32,
                "null": None,
                "a list": [1],
            }.items()
        ],
        pytest.param(BINARY, 2, id="a third truth"),
        pytest.param(BINARY, -1, id="the -1 of other conventions"),
        pytest.param(BINARY, 1.0, id="a probability"),
        pytest.param(BINARY, "true", id="a truth as text"),
        pytest.param(ERROR, "1.5", id="a number as text"),
        pytest.param(ERROR, True, id="a truth for a number"),
        pytest.param(ERROR, float("nan"), id="a number that is none"),
        pytest.param(ERROR, float("inf"), id="an endless number"),
        pytest.param(ERROR, 10**400, id="a number that fits nowhere"),
        pytest.param(ERROR, -2 * MAGNITUDE, id="a number too far below"),
    ],
)
def test_a_label_of_the_wrong_kind_is_named(metric: Metric, label: object) -> None:
    good: object = 1
    with pytest.raises(LabelError, match=r"^labels\[1\] must be") as caught:
        score(metric, of(metric), [good, label, good])
    assert "cat" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "rows", "why"),
    [
        pytest.param([], None, "no labels", id="none"),
        pytest.param([], [], "no labels", id="none for no rows"),
        pytest.param([1, 2], None, "3 labels, one for each row", id="too few"),
        pytest.param([1] * 4, None, "3 labels, one for each row", id="too many"),
        pytest.param([1, 2], [0], "2 labels, 1 rows", id="fewer rows than labels"),
        pytest.param([1], [3], "from 0 to 2", id="a row that is not there"),
        pytest.param([1], [-1], "from 0 to 2", id="the last row, counted from the end"),
        pytest.param([1, 1], [1, 1], "different", id="one row twice"),
        pytest.param([1], [True], "whole numbers", id="a row that is a truth"),
        pytest.param([1], ["1"], "whole numbers", id="a row that is text"),
        pytest.param([1], [[1]], "whole numbers", id="a row that is a list"),
    ],
)
def test_labels_belong_to_rows(labels: list[object], rows: list[object] | None, why: str) -> None:
    with pytest.raises(LabelError, match=why):
        score(ACCURACY, of(ACCURACY), labels, rows)
