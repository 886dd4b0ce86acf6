"""Frazil's own code, from a pod's document on its load to the decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.autoscale.fleet import Seen
from frazil_operator.autoscale.decide import Memory, Rules, decide, sum_up
from frazil_runtime.contract.load import LONG_SECONDS, SHORT_SECONDS, Load
from frazil_runtime.demand import Demand
from frazil_runtime.pace import RESERVED

_CAPACITY: Final = 1.0  # session seconds a second: the pod has one slot, and a core for it


class Frazil:
    """Looks every second. Pods that start have no document yet, and are no silent ones."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._memory = Memory()
        self._meters: dict[int, Meter] = {}

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        """One look."""
        meters = self._meters
        self._meters = {pod.name: meters.get(pod.name) or Meter() for pod in pods if pod.ready}
        loads = [self._meters[pod.name].load(now, pod) for pod in pods if pod.ready]
        figures = sum_up(self._rules, loads)
        decided, self._memory = decide(self._rules, size, figures, now, self._memory)
        return decided.pods


class Meter:
    """One pod's account of what came. Its clock stands at a whole second, so that what came in the
    one before lies in one bucket, whenever it came."""

    def __init__(self) -> None:
        self._demand, self._squares = Demand(), Demand()
        self._asked = self._asked_squares = 0.0

    def load(self, now: float, pod: Seen) -> Load:
        """What the pod would answer on its admin port."""
        self._demand.add(now - 1, pod.asked - self._asked)
        self._squares.add(now - 1, pod.asked_squares - self._asked_squares)
        self._asked, self._asked_squares = pod.asked, pod.asked_squares
        queued = max(0, pod.ongoing - 1)
        return Load(
            queued=queued,
            running=pod.ongoing - queued,
            queued_seconds=pod.left,
            wait_seconds=pod.left / RESERVED if queued else 0.0,
            demand_short=self._demand.rate(now, SHORT_SECONDS),
            demand_long=self._demand.rate(now, LONG_SECONDS),
            slots=1,
            capacity=_CAPACITY,
            variance_short=self._squares.rate(now, SHORT_SECONDS) / SHORT_SECONDS,
        )
