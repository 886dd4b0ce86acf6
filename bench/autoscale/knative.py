"""Knative Serving's pod autoscaler (KPA, as of 1.15), on concurrency, with its defaults.

Written after ``pkg/autoscaler/scaling/autoscaler.go`` and the ``config-autoscaler`` defaults.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from bench.autoscale.fleet import Seen

TICK: Final = 2  # seconds
STABLE: Final = 60  # seconds, like the next
PANIC: Final = 6
PANIC_THRESHOLD: Final = 2.0
MAX_SCALE_UP: Final = 1000.0
MAX_SCALE_DOWN: Final = 2.0


class Kpa:
    """``target`` is requests in a pod at a time. No activator, no scale to zero."""

    def __init__(self, target: float, most: int) -> None:
        self._target, self._most = target, most
        self._occupied: dict[int, float] = {}
        self._seconds: deque[float] = deque(maxlen=STABLE)  # all pods' concurrency in each
        self._panic: float | None = None  # when it was last called for
        self._panic_pods = 0

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        """One tick, where it is time for it."""
        ready = [pod for pod in pods if pod.ready]
        before, self._occupied = self._occupied, {pod.name: pod.occupied for pod in ready}
        self._seconds.append(sum(pod.occupied - before.get(pod.name, 0.0) for pod in ready))
        if now % TICK:
            return size
        recent = list(self._seconds)[-PANIC:]
        long, short = sum(self._seconds) / len(self._seconds), sum(recent) / len(recent)
        return min(max(1, self.scale(now, len(ready), long, short)), self._most)

    def scale(self, now: float, ready: int, long: float, short: float) -> int:
        """``Scale``: from the concurrency of all pods together in both windows."""
        ready = max(1, ready)
        least, most = math.floor(ready / MAX_SCALE_DOWN), math.ceil(ready * MAX_SCALE_UP)
        stable = min(max(math.ceil(long / self._target), least), most)
        urgent = math.ceil(short / self._target)
        if urgent / ready >= PANIC_THRESHOLD:
            self._panic = now
        elif self._panic is not None and self._panic + STABLE < now:
            self._panic, self._panic_pods = None, 0
        if self._panic is None:
            return stable
        self._panic_pods = max(self._panic_pods, stable, min(max(urgent, least), most))
        return self._panic_pods
