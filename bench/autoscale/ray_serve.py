"""Ray Serve's default autoscaling policy (as of 2.40), with its defaults.

Written after ``python/ray/serve/autoscaling_policy.py``: the ongoing requests of each replica,
averaged over ``look_back_period_s`` and told every ``metrics_interval_s``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from bench.autoscale.fleet import Seen

LOOK_BACK: Final = 30  # seconds
INTERVAL: Final = 10  # seconds
UPSCALE_DELAY: Final = 30  # seconds, like the next; the loop's period is one here, not 0.1
DOWNSCALE_DELAY: Final = 600


def desired(ongoing: float, running: int, target: float) -> int:
    """How many replicas so many ongoing requests call for; both smoothing factors are 1."""
    return math.ceil(running * (ongoing / (target * running)))


class RayServe:
    """``target`` is ``target_ongoing_requests``."""

    def __init__(self, target: float, most: int) -> None:
        self._target, self._most = target, most
        self._occupied: dict[int, float] = {}
        self._windows: dict[int, deque[float]] = {}
        self._told: dict[int, float] = {}
        self._counter = 0  # of looks that called for more in a row; below zero, for fewer

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        """One round of the control loop."""
        self._measure([pod for pod in pods if pod.ready])
        if not now % INTERVAL:
            self._told = {name: sum(of) / len(of) for name, of in self._windows.items()}
        running = len(self._windows)
        if not running:
            return size
        ongoing = sum(self._told.get(name, 0.0) for name in self._windows)
        return self.decide(size, min(max(1, desired(ongoing, running, self._target)), self._most))

    def decide(self, size: int, wanted: int) -> int:
        """The wish of one look becomes the size once it has lasted."""
        if wanted == size:
            self._counter = 0
            return size
        sign = 1 if wanted > size else -1
        self._counter = max(self._counter * sign, 0) * sign + sign
        if abs(self._counter) <= (UPSCALE_DELAY if sign > 0 else DOWNSCALE_DELAY):
            return size
        self._counter = 0
        return wanted

    def _measure(self, ready: Sequence[Seen]) -> None:
        windows, before = self._windows, self._occupied
        self._occupied = {pod.name: pod.occupied for pod in ready}
        self._windows = {
            pod.name: windows.get(pod.name) or deque(maxlen=LOOK_BACK) for pod in ready
        }
        for pod in ready:
            self._windows[pod.name].append(pod.occupied - before.get(pod.name, 0.0))
