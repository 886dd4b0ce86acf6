"""PURE. One model as the autoscaler saw it last, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from frazil_operator.autoscale.decide import Figures
from frazil_operator.autoscale.totals import Count


@dataclass(frozen=True, slots=True)
class Sight:
    """``desired`` pods there shall be, ``ready`` serve; ``figures`` is what they tell together,
    ``count`` what they have answered since the operator began. Not ``reachable``: there are pods
    that serve, and for long none has told its load."""

    desired: int
    ready: int
    figures: Figures
    count: Count
    reachable: bool
