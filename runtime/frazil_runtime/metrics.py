"""What the serving process measures, rendered for Prometheus. The names are a contract."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from frazil_runtime.lifecycle import ModelInfo

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

# From a small dense model (a run takes tens of microseconds) to a large language model's seconds.
_BUCKETS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)


_BOUNDS: Final = (*(str(bound) for bound in _BUCKETS), "+Inf")


class Outcomes:
    """Requests of one model, protocol and signature: how many ended how, and how long they took."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.seconds = 0.0
        self.buckets = [0] * (len(_BUCKETS) + 1)  # each by itself, the last without an end


class Metrics(Collector):
    """The counters of one process, on a registry of its own.

    Requests are counted in plain numbers, on the event loop alone, and become a library's metrics
    when they are asked for: its own counters, with their locks, cost a request 6 µs.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._signatures: dict[str, frozenset[str]] = {}
        self._outcomes: dict[tuple[str, str, str], Outcomes] = {}
        self._registry.register(self)
        self._start = self._gauge(
            "frazil_start_seconds", "From the process's start to its readiness"
        )
        self._ready = self._gauge("frazil_ready", "1 while the readiness probe succeeds, else 0")
        self._model = Gauge(
            "frazil_model_info",
            "Always 1; the labels say what is served",
            ("model", "version", "revision", "artifact"),
            registry=self._registry,
        )

    def observe(self, model: str, protocol: str, signature: str, code: str, seconds: float) -> None:
        """Count one answered request. A signature the model lacks is counted as ``""``:

        the label's values are bounded by the model, not by what clients think of.
        """
        known = signature if signature in self._signatures[model] else ""
        labels = (model, protocol, known)
        outcomes = self._outcomes.get(labels)
        if outcomes is None:
            outcomes = self._outcomes[labels] = Outcomes()
        outcomes.codes[code] = outcomes.codes.get(code, 0) + 1
        outcomes.seconds += seconds
        outcomes.buckets[bisect_left(_BUCKETS, seconds)] += 1

    def collect(self) -> Iterable[Metric]:
        """The requests so far."""
        labels = ("model", "protocol", "signature")
        text = "Requests answered, by outcome: OK or a gRPC status code"
        requests = CounterMetricFamily("frazil_requests", text, labels=(*labels, "code"))
        text = "From the request's arrival to its answer"
        durations = HistogramMetricFamily("frazil_request_duration_seconds", text, labels=labels)
        for values, outcomes in self._outcomes.items():
            for code, count in outcomes.codes.items():
                requests.add_metric((*values, code), count)
            counts = zip(_BOUNDS, accumulate(outcomes.buckets), strict=True)
            durations.add_metric(values, list(counts), outcomes.seconds)
        yield from (requests, durations)

    def serves(self, model: ModelInfo) -> None:
        """Name a model once it is loaded."""
        self._signatures[model.name] = frozenset(model.manifest.signatures)
        labels = model.name, model.version, model.revision, model.artifact
        self._model.labels(*labels).set(1)

    def became_ready(self, seconds: float) -> None:
        """Keep how long the start took, in seconds."""
        self._start.set(seconds)

    def watch(self, ready: Callable[[], bool], *collectors: Collector) -> None:
        """Read these at every scrape."""
        self._ready.set_function(lambda: float(ready()))
        for collector in collectors:
            self._registry.register(collector)

    def render(self) -> bytes:
        """The text exposition format, of CONTENT_TYPE."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry)
