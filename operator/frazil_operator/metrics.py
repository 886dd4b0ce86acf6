"""The operator's own metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECONCILES: Final = Counter(
    "frazil_operator_reconciles", "Looks at a model, by how they ended.", ["result"]
)
RECONCILE_SECONDS: Final = Histogram(
    "frazil_operator_reconcile_seconds", "Duration of one look at a model."
)
AUTOSCALE_SECONDS: Final = Histogram(
    "frazil_operator_autoscale_seconds", "Duration of one look at the load of all models."
)
QUEUE_DEPTH: Final = Gauge(
    "frazil_operator_queue_depth", "Models that wait to be looked at, later ones included."
)
WRITES: Final = Counter(
    "frazil_operator_api_writes", "Successful writes to the API server.", ["kind", "verb"]
)
WATCH_FAILURES: Final = Counter(
    "frazil_operator_watch_failures", "Lists and watches that ended with an error.", ["kind"]
)
