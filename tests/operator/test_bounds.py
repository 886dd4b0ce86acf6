"""How far a measured accuracy can be trusted."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_operator.bounds import Z95, Interval, difference, interval
from frazil_runtime.contract.accuracy import Counts, Metric

SHARES = (Metric.ACCURACY, Metric.TOP_K)


def shares(right: int, labels: int) -> Counts:
    return Counts(labels=labels, right=right)


def confusion(tp: int, fp: int, fn: int, tn: int = 0) -> Counts:
    return Counts(
        labels=tp + fp + fn + tn,
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        true_negatives=tn,
    )


def errors(*sizes: float) -> Counts:
    squares = math.fsum(size * size for size in sizes)
    return Counts(labels=len(sizes), error=math.fsum(sizes), squared_error=squares)


@pytest.mark.parametrize("metric", SHARES)
@pytest.mark.parametrize(
    ("right", "labels", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="Newcombe 1998, 81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="Newcombe 1998, 15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="Newcombe 1998, none of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="Newcombe 1998, one of 29"),
        pytest.param(20, 20, 0.8389, 1.0, id="all of 20 is not yet certainly more than 0.84"),
    ],
)
def test_a_share_has_wilsons_interval(
    metric: Metric, right: int, labels: int, low: float, high: float
) -> None:
    found = interval(metric, shares(right, labels))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == right / labels


@pytest.mark.parametrize(
    ("metric", "counts"),
    [
        pytest.param(Metric.ACCURACY, Counts(), id="an accuracy of no labels"),
        pytest.param(Metric.TOP_K, Counts(predictions=9, rows=9), id="predictions without labels"),
        pytest.param(Metric.BINARY_F1, confusion(0, 0, 0, 50), id="an F1 of true negatives alone"),
        pytest.param(Metric.MEAN_ABSOLUTE_ERROR, errors(), id="a mean of no errors"),
        pytest.param(Metric.MEAN_ABSOLUTE_ERROR, errors(3.0), id="how far one error varies"),
    ],
)
def test_is_not_known(metric: Metric, counts: Counts) -> None:
    assert interval(metric, counts) is None
    assert difference(metric, counts, counts) is None


def test_an_f1_has_the_interval_of_the_share_of_true_positives() -> None:
    found = interval(Metric.BINARY_F1, confusion(81, 100, 82, 1_000))
    share = interval(Metric.ACCURACY, shares(81, 263))
    assert found is not None
    assert share is not None
    assert found.value == pytest.approx(2 * 81 / (2 * 81 + 100 + 82))
    assert found.low == pytest.approx(2 * share.low / (1 + share.low))
    assert found.high == pytest.approx(2 * share.high / (1 + share.high))


def test_a_mean_error_has_the_normal_interval() -> None:
    found = interval(Metric.MEAN_ABSOLUTE_ERROR, errors(1.0, 2.0, 3.0, 4.0))
    half = Z95 * math.sqrt(5 / 3 / 4)
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((2.5 - half, 2.5, 2.5 + half))


def test_a_mean_error_is_never_below_zero() -> None:
    assert interval(Metric.MEAN_ABSOLUTE_ERROR, errors(0.0, 9.0)) == Interval(
        0.0, 4.5, pytest.approx(4.5 + Z95 * 4.5)
    )


def test_equal_large_errors_are_known_exactly_whatever_rounding_does() -> None:
    found = interval(Metric.MEAN_ABSOLUTE_ERROR, errors(*[1e8 + 0.1] * 1_000))
    assert found is not None
    assert found.high - found.low < 1


@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [
        pytest.param((48, 80), (56, 70), 0.0524, 0.3339, id="56 of 70 and 48 of 80"),
        pytest.param((3, 10), (9, 10), 0.1705, 0.8090, id="9 of 10 and 3 of 10"),
        pytest.param((0, 29), (5, 56), -0.0381, 0.1926, id="5 of 56 and none of 29"),
    ],
)
def test_the_difference_of_shares_is_newcombes(
    before: tuple[int, int], after: tuple[int, int], low: float, high: float
) -> None:
    found = difference(Metric.ACCURACY, shares(*before), shares(*after))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_means_is_the_normal_one() -> None:
    found = difference(Metric.MEAN_ABSOLUTE_ERROR, errors(11, 12, 13), errors(21, 22, 23, 24))
    half = Z95 * math.sqrt(1 / 3 + 5 / 3 / 4)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((10.5 - half, 10.5 + half))


@given(st.integers(1, 10_000), st.data(), st.sampled_from(SHARES))
def test_a_share_lies_in_its_interval_which_narrows_with_more_labels(
    labels: int, data: st.DataObject, metric: Metric
) -> None:
    right = data.draw(st.integers(0, labels))
    few, many = (interval(metric, shares(right * n, labels * n)) for n in (1, 4))
    assert few is not None
    assert many is not None
    assert 0 <= few.low <= few.value <= few.high <= 1
    assert many.high - many.low < few.high - few.low


@given(*[st.tuples(*[st.integers(1, 500)] * 3)] * 2)
def test_a_difference_is_the_same_the_other_way_round(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    one, two = confusion(*first), confusion(*second)
    there = difference(Metric.BINARY_F1, one, two)
    back = difference(Metric.BINARY_F1, two, one)
    assert there is not None
    assert back is not None
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def _accuracy(dice: random.Random) -> Counts:
    return shares(sum(dice.random() < 0.9 for _ in range(50)), 50)


def _f1(dice: random.Random) -> Counts:
    kinds = dice.choices(range(4), weights=(0.2, 0.03, 0.05, 0.72), k=300)
    return confusion(*(kinds.count(kind) for kind in range(4)))


def _mean(dice: random.Random) -> Counts:
    return errors(*(abs(dice.gauss(0, 1)) for _ in range(50)))


@pytest.mark.parametrize(
    ("metric", "draw", "truth"),
    [
        pytest.param(Metric.ACCURACY, _accuracy, 0.9, id="an accuracy of 50 labels"),
        pytest.param(Metric.BINARY_F1, _f1, 0.4 / 0.48, id="an F1 of 300 labels, a quarter true"),
        pytest.param(
            Metric.MEAN_ABSOLUTE_ERROR, _mean, math.sqrt(2 / math.pi), id="a mean of 50 errors"
        ),
    ],
)
def test_19_of_20_intervals_cover_the_truth(
    metric: Metric, draw: Callable[[random.Random], Counts], truth: float
) -> None:
    dice = random.Random(1)
    found = [interval(metric, draw(dice)) for _ in range(2_000)]
    covered = sum(each is not None and each.low <= truth <= each.high for each in found)
    assert 0.93 <= covered / 2_000 <= 0.975


@pytest.mark.parametrize(
    ("metric", "draw"),
    [(Metric.ACCURACY, _accuracy), (Metric.BINARY_F1, _f1), (Metric.MEAN_ABSOLUTE_ERROR, _mean)],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_1_of_20_differences_excludes_zero_where_there_is_none(
    metric: Metric, draw: Callable[[random.Random], Counts]
) -> None:
    dice = random.Random(1)
    found = [difference(metric, draw(dice), draw(dice)) for _ in range(2_000)]
    seen = sum(each is not None and each.excludes_zero for each in found)
    assert 0.025 <= seen / 2_000 <= 0.07
