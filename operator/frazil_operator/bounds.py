"""Pure: how far a measured accuracy can be trusted, as confidence intervals.

One interval for each metric, and one for the difference between two measurements:

* Accuracy, TopK: Wilson's score interval of a share (E. B. Wilson, "Probable inference, the law of
  succession, and statistical inference", JASA 22, 1927). It never leaves [0, 1] and holds for few
  samples and for shares near 1, where the normal interval does not.
* BinaryF1: F1 = 2 TP / (2 TP + FP + FN) = 2 J / (1 + J) with Jaccard's J = TP / (TP + FP + FN).
  Among the answers that are no true negatives, TP is binomial with the share J; F1 grows with J. So
  the interval is Wilson's of J, mapped. What is taken as given is the number of those answers.
* MeanAbsoluteError: mean ± z s / √n, the normal interval. Too narrow below some 30 labels, and for
  errors of which few are huge.
* Differences: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
  general approach", Statistics in Medicine 27, 2008. The distances from each estimate to its limits
  are added as squares. Of two shares this is R. G. Newcombe's hybrid score interval ("Interval
  estimation for the difference between independent proportions", Statistics in Medicine 17, 1998,
  method 10); of two means the normal one.

None is "not known". ``z`` is the standard normal quantile of the level: Z95 for 95 % on both sides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from frazil_runtime.contract.accuracy import Counts, Metric

Z95: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Interval:
    """What was measured, and between which bounds the truth is expected."""

    low: float
    value: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Of a difference: that there is one."""
        return self.low > 0 or self.high < 0


def interval(metric: Metric, counts: Counts, z: float = Z95) -> Interval | None:
    """The metric and its bounds; None where there are too few labels for any."""
    if metric is Metric.BINARY_F1:
        return _f1(counts, z)
    if metric is Metric.MEAN_ABSOLUTE_ERROR:
        return _mean(counts, z)
    return _share(counts.right, counts.labels, z)


def difference(metric: Metric, before: Counts, after: Counts, z: float = Z95) -> Interval | None:
    """By how much the metric is larger ``after`` than ``before``; the two share no sample. None
    where either is not known.

    Where they do share some, the interval is wider than it need be.
    """
    old, new = interval(metric, before, z), interval(metric, after, z)
    if old is None or new is None:
        return None
    value = new.value - old.value
    down = math.hypot(new.value - new.low, old.high - old.value)
    up = math.hypot(new.high - new.value, old.value - old.low)
    return Interval(value - down, value, value + up)


def _share(part: int, whole: int, z: float) -> Interval | None:
    if not whole:
        return None
    share, square = part / whole, z * z
    centre = (share + square / (2 * whole)) / (1 + square / whole)
    spread = math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    half = z * spread / (1 + square / whole)
    # The share lies within, but for rounding where it is 0 or 1.
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(min(low, share), share, max(high, share))


def _f1(counts: Counts, z: float) -> Interval | None:
    among = counts.true_positives + counts.false_positives + counts.false_negatives
    jaccard = _share(counts.true_positives, among, z)
    if jaccard is None:
        return None
    low, value, high = (2 * j / (1 + j) for j in (jaccard.low, jaccard.value, jaccard.high))
    return Interval(low, value, high)


def _mean(counts: Counts, z: float) -> Interval | None:
    n = counts.labels
    if n < 2:
        return None
    mean = counts.error / n
    variance = max(0.0, counts.squared_error - counts.error * mean) / (n - 1)
    half = z * math.sqrt(variance / n)
    return Interval(max(0.0, mean - half), mean, mean + half)
