"""What the serving process measures, rendered for Prometheus. The names are a contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
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


class Metrics:
    """The counters of one process, on a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._signatures: dict[str, frozenset[str]] = {}
        self._observed: dict[tuple[str, str, str, str], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "frazil_requests",
            "Requests answered, by outcome: OK or a gRPC status code",
            ("model", "protocol", "signature", "code"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "frazil_request_duration_seconds",
            "From the request's arrival to its answer",
            ("model", "protocol", "signature"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
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
        labels = (model, protocol, known, code)
        if labels not in self._observed:  # finding a series by its labels costs more than it does
            duration = self._durations.labels(model, protocol, known)
            self._observed[labels] = (self._requests.labels(*labels), duration)
        count, duration = self._observed[labels]
        count.inc()
        duration.observe(seconds)

    def serves(self, model: ModelInfo) -> None:
        """Name a model once it is loaded."""
        self._signatures[model.name] = frozenset(model.manifest.signatures)
        labels = model.name, model.version, model.revision, model.artifact
        self._model.labels(*labels).set(1)

    def became_ready(self, seconds: float) -> None:
        """Keep how long the start took, in seconds."""
        self._start.set(seconds)

    def watch(self, ready: Callable[[], bool], engine: Collector) -> None:
        """Read these at every scrape."""
        self._ready.set_function(lambda: float(ready()))
        self._registry.register(engine)

    def render(self) -> bytes:
        """The text exposition format, of CONTENT_TYPE."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry)
