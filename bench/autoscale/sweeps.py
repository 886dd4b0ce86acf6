"""Whom the simulation compares, each over targets from many pods to few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.autoscale.fleet import Policy
from bench.autoscale.frazil import Frazil
from bench.autoscale.hpa import Hpa
from bench.autoscale.knative import Kpa
from bench.autoscale.ray_serve import RayServe
from frazil_operator.autoscale.decide import Rules

MOST: Final = 40  # pods, of anybody; nobody is to come so far
FRAZIL: Final = "Frazil"


@dataclass(frozen=True, slots=True)
class Sweep:
    """``make`` gives a new policy for a target; ``usual`` is the default, or what its documentation
    advises for a pod that serves one request at a time."""

    targets: tuple[float, ...]
    usual: float
    make: Callable[[float], Policy]


_SHARES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of a pod's time
_REQUESTS: Final = (0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)  # in a pod at a time

SWEEPS: Final[dict[str, Sweep]] = {
    FRAZIL: Sweep(_SHARES, 0.7, lambda share: Frazil(Rules(most=MOST, utilization=share))),
    "HPA, utilisation": Sweep(_SHARES, 0.7, lambda share: Hpa("worked", share, MOST)),
    "HPA, requests": Sweep(_REQUESTS, 1.0, lambda count: Hpa("occupied", count, MOST)),
    "Knative": Sweep(_REQUESTS, 0.7, lambda count: Kpa(count, MOST)),
    "Ray Serve": Sweep(_REQUESTS, 2.0, lambda count: RayServe(count, MOST)),
}
PEERS: Final = tuple(name for name in SWEEPS if name != FRAZIL)
