"""Kubernetes' HorizontalPodAutoscaler (autoscaling/v2, as of 1.33), with its defaults.

Written after ``replica_calculator.go`` and ``horizontal.go`` of pkg/controller/podautoscaler, and
the documentation of the defaults of ``behavior``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from bench.autoscale.fleet import Seen

SYNC: Final = 15  # seconds; of a metric, too: what the last sync saw is the window's begin
TOLERANCE: Final = 0.1
STABILISATION: Final = 300.0  # seconds, of scale-in
ADDED: Final = 4  # pods that may be added in 15 s, or as many as there are


def wanted(current: int, values: Sequence[float], unready: int, target: float) -> int:
    """calcPlainMetricReplicas: ``values`` of the pods whose metric counts; where these call for
    more, the unready ones count as if they had nothing to do."""
    if not values:
        return current
    ratio = sum(values) / len(values) / target
    if not (unready and ratio > 1.0):
        return current if abs(ratio - 1.0) <= TOLERANCE else math.ceil(ratio * len(values))
    count = len(values) + unready
    again = sum(values) / count / target
    if abs(again - 1.0) <= TOLERANCE or again < 1.0:
        return current
    return max(current, math.ceil(again * count))


class Hpa:
    """On the ``attribute`` of the pods, averaged over the time between two syncs: ``worked`` is
    utilisation, ``occupied`` requests in the pod."""

    def __init__(self, attribute: str, target: float, most: int) -> None:
        self._attribute, self._target, self._most = attribute, target, most
        self._before: dict[int, float] = {}
        self._recommended: list[tuple[float, int]] = []

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        """One sync, where it is time for it."""
        if now % SYNC:
            return size
        totals = {pod.name: float(getattr(pod, self._attribute)) for pod in pods if pod.ready}
        before, self._before = self._before, totals
        values = [(totals[name] - before[name]) / SYNC for name in totals if name in before]
        found = wanted(size, values, len(pods) - len(values), self._target)
        return self._behaved(now, size, found)

    def _behaved(self, now: float, size: int, found: int) -> int:
        """The default ``behavior``: up at once, but not too far; down to the most of five
        minutes."""
        found = min(max(found, 1), self._most)
        if not self._recommended:
            self._recommended.append((now, size))
        self._recommended.append((now, found))
        self._recommended = [one for one in self._recommended if now - one[0] < STABILISATION]
        stable = found
        if found < size:
            stable = min(size, max(pods for _, pods in self._recommended))
        return min(stable, max(size + ADDED, 2 * size))
