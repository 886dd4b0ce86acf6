"""How right outputs are: what each metric counts, and what it refuses to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from frazil_runtime.contract import Exit
from frazil_runtime.contract import evaluation as contract
from frazil_runtime.freeze.scoring import METRICS, EvaluationError, added

SCORES = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]]


def strings(*texts: bytes) -> np.ndarray:
    return np.array(texts, object)


def scored(metric: str, outputs: Any, labels: Any, k: int = 5) -> dict[str, float]:
    arrays = (np.asarray(array) for array in (outputs, labels))
    return dict(METRICS[metric].count(*arrays, k))


def test_there_is_a_metric_for_each_that_the_spec_may_name() -> None:
    assert tuple(METRICS) == contract.METRICS


@pytest.mark.parametrize(
    ("outputs", "labels", "right"),
    [
        pytest.param(SCORES, [1, 0, 2, 0], 4, id="the largest score, the first of equal ones"),
        pytest.param(SCORES, [1, 0, 2, 1], 3, id="the second of equal scores is not the largest"),
        pytest.param(SCORES, [[1], [1], [1], [1]], 1, id="labels as a column"),
        pytest.param(SCORES, [1.0, 0.0, 2.0, 0.0], 4, id="labels as whole floats"),
        pytest.param([2, 0, 1], [2, 0, 0], 2, id="an output that is the class"),
        pytest.param([[True], [False]], [1, 1], 1, id="a class that is true or false"),
        pytest.param(strings(b"ice", b"sea"), strings(b"ice", b"ice"), 1, id="classes by name"),
    ],
)
def test_accuracy(outputs: Any, labels: Any, right: int) -> None:
    assert scored("Accuracy", outputs, labels) == {"right": right, "scored": len(labels)}


@pytest.mark.parametrize(
    ("k", "right"),
    [pytest.param(1, 1, id="the first"), pytest.param(2, 3, id="the first two")],
)
def test_top_k(k: int, right: int) -> None:
    assert scored("TopK", SCORES, [1, 2, 0, 1], k) == {"right": right, "scored": 4}


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param([0.9, 0.5, 0.4, 0.1, 0.8], id="a vector"),
        pytest.param([[0.9], [0.5], [0.4], [0.1], [0.8]], id="a column"),
        pytest.param(
            [[0.1, 0.9], [0.5, 0.5], [0.6, 0.4], [0.9, 0.1], [0.2, 0.8]], id="no beside yes"
        ),
    ],
)
def test_binary_f1(outputs: Any) -> None:
    counts = scored("BinaryF1", outputs, [1, 1, 1, 0, 0])
    assert counts == {"tp": 2, "fp": 1, "fn": 1, "tn": 1}
    assert METRICS["BinaryF1"].value(counts) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        pytest.param([1.0, 2.0], [3, 2], id="one quantity a row"),
        pytest.param([[1.0], [2.0]], [3, 2], id="a column beside a vector"),
        pytest.param([[1.0, 5.0], [2.0, 0.0]], [[3, 7], [2, 0]], id="several quantities a row"),
    ],
)
def test_mean_absolute_error(outputs: Any, labels: Any) -> None:
    counts = scored("MeanAbsoluteError", outputs, labels)
    assert counts == {"scored": 2, "sum": 2, "sum_of_squares": 4}
    assert METRICS["MeanAbsoluteError"].value(counts) == 1


def test_counts_of_batches_are_those_of_the_whole() -> None:
    labels = [1, 0, 2, 1]
    whole = scored("Accuracy", SCORES, labels)
    halves = [scored("Accuracy", SCORES[at], labels[at]) for at in (slice(0, 2), slice(2, 4))]
    assert added(*halves) == whole
    assert METRICS["Accuracy"].value(whole) == 0.75


@pytest.mark.parametrize(
    ("metric", "outputs", "labels", "says"),
    [
        pytest.param("Accuracy", SCORES[:1], [3], "3 is none of the classes 0 to 2", id="no class"),
        pytest.param("Accuracy", SCORES[:1], [-1], "-1 is none", id="a label below 0"),
        pytest.param("Accuracy", SCORES[:1], [0.5], "0.5 is none", id="half a class"),
        pytest.param("Accuracy", SCORES[:2], [0, np.nan], r"labels \[1\] is nan", id="a NaN label"),
        pytest.param("Accuracy", [1], [np.nan], r"labels \[0\] is nan", id="NaN for a class"),
        pytest.param("Accuracy", SCORES[:1], [[1, 0, 0]], "one a sample", id="one-hot labels"),
        pytest.param("Accuracy", [0.3], [0], "take BinaryF1", id="one float a sample"),
        pytest.param("Accuracy", SCORES[:1], strings(b"a"), "numbers are", id="a name as label"),
        pytest.param("Accuracy", strings(b"a"), [0], "classes are strings", id="a name as class"),
        pytest.param("Accuracy", [[0.0, np.nan]], [0], r"output \[0, 1\] is nan", id="a NaN score"),
        pytest.param("TopK", SCORES[:1], [0], "all would be right", id="k beyond the classes"),
        pytest.param("BinaryF1", SCORES[:1], [0], "a binary score is", id="three scores"),
        pytest.param("BinaryF1", [0.3], [2], "2 is none of the classes 0 to 1", id="no binary"),
        pytest.param("MeanAbsoluteError", [[1.0, 2.0]], [1], "none for an output", id="too few"),
        pytest.param("MeanAbsoluteError", [np.inf], [1], r"output \[0\] is inf", id="infinity"),
    ],
)
def test_what_cannot_be_scored(metric: str, outputs: Any, labels: Any, says: str) -> None:
    with pytest.raises(EvaluationError, match=says) as caught:
        scored(metric, outputs, labels)
    assert caught.value.exit is Exit.EVALUATION_FAILED


def test_without_a_positive_label_there_is_no_f1() -> None:
    with pytest.raises(EvaluationError, match="no label is 1"):
        METRICS["BinaryF1"].value(scored("BinaryF1", [0.9], [0]))
