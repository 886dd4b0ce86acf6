"""Each model's live figures for Prometheus: read off the autoscaler when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from frazil_operator.autoscale.sight import Sight
from frazil_operator.observed import Key

Sights = Callable[[], Mapping[Key, Sight]]

_LABELS: Final = ("namespace", "model")
_SIZES: Final[dict[str, tuple[str, Callable[[Sight], float]]]] = {
    "desired_pods": ("Pods that there shall be", lambda seen: seen.desired),
    "ready_pods": ("Pods that serve", lambda seen: seen.ready),
    "load_reachable": (
        "0 once no pod has told its load for 30 s, else 1",
        lambda seen: float(seen.reachable),
    ),
}
# Of what all pods have told together; without a sample where none tells anything.
_LOADS: Final[dict[str, tuple[str, Callable[[Sight], float]]]] = {
    "queue_depth": ("Requests that wait", lambda seen: seen.figures.queued),
    "ongoing_requests": ("Requests that are being run", lambda seen: seen.figures.running),
    "wait_seconds": (
        "What the last in line waits, where that is longest",
        lambda seen: seen.figures.wait_seconds,
    ),
    "demand": (
        "Session seconds a second that the arrivals of the last minute cost",
        lambda seen: seen.figures.demand_long,
    ),
    "saved": (
        "Session seconds a second that the output cache saved in the last minute",
        lambda seen: seen.figures.saved,
    ),
    "capacity": (
        "Session seconds a second that one pod does; until that is measured, its slots",
        lambda seen: seen.figures.capacity,
    ),
    "requests_per_second": (
        "Answered of late",
        lambda seen: seen.figures.requests_per_second,
    ),
    "cache_hits_per_second": (
        "Answered from the output cache of late",
        lambda seen: seen.figures.hits_per_second,
    ),
    "latency_p99_seconds": (
        "Of the answers of the last minute, in the slowest pod",
        lambda seen: seen.figures.latency_p99,
    ),
}
_TOTALS: Final[dict[str, tuple[str, Callable[[Sight], float]]]] = {
    "requests": ("Answered, since the operator began", lambda seen: seen.count.requests),
    "cache_hits": (
        "Answered from the output cache, since the operator began",
        lambda seen: seen.count.hits,
    ),
}


class ModelCollector(Collector):
    """A sample for each model that serves or is to; one that is deleted leaves nothing behind."""

    def __init__(self, sights: Sights) -> None:
        self._sights = sights

    def describe(self) -> Iterable[Metric]:
        """What there is, without a look."""
        return _families({})

    def collect(self) -> Iterable[Metric]:
        """All models as they are. Called from another thread than the autoscaler's."""
        return _families(self._sights())


def _families(sights: Mapping[Key, Sight]) -> Iterator[Metric]:
    told = {key: seen for key, seen in sights.items() if seen.figures.pods}
    for figures, models in ((_SIZES, sights), (_LOADS, told)):
        for name, (documentation, read) in figures.items():
            gauge = GaugeMetricFamily(f"frazil_model_{name}", documentation, labels=_LABELS)
            for key, seen in models.items():
                gauge.add_metric(key, read(seen))
            yield gauge
    for name, (documentation, read) in _TOTALS.items():
        counter = CounterMetricFamily(f"frazil_model_{name}", documentation, labels=_LABELS)
        for key, seen in sights.items():
            counter.add_metric(key, read(seen))
        yield counter


@contextmanager
def exposed(sights: Sights, registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """The models are among the operator's metrics while the block runs."""
    collector = ModelCollector(sights)
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)
