"""What was counted of accuracy, for Prometheus: read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frazil_runtime.accuracy.ledger import Ledger

_LABELS: Final = ("model", "revision")


class AccuracyCollector(Collector):
    """Of all models of the process. ``revision`` is that which has predicted."""

    def __init__(self, ledgers: Sequence[Ledger]) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        text = "Answers that got a prediction id"
        predictions = CounterMetricFamily("frazil_accuracy_predictions", text, labels=_LABELS)
        text = "Rows of them that were scored with a label"
        labels = CounterMetricFamily("frazil_accuracy_labels", text, labels=_LABELS)
        text = "Feedback by what became of it"
        feedback = CounterMetricFamily("frazil_feedback", text, labels=("model", "outcome"))
        text = "The metric of the last hour's labels, as it is: 0 to 1, or the mean absolute error"
        value = GaugeMetricFamily("frazil_accuracy", text, labels=(*_LABELS, "metric"))
        for ledger in self._ledgers:
            for revision, counts in ledger.window.totals.items():
                predictions.add_metric((ledger.model, revision), counts.predictions)
                labels.add_metric((ledger.model, revision), counts.labels)
            for outcome, count in ledger.outcomes.items():
                feedback.add_metric((ledger.model, outcome), count)
            for revision, got in ledger.last_hour().items():
                if got is not None:
                    value.add_metric((ledger.model, revision, ledger.rules.metric), got)
        yield from (predictions, labels, feedback, value)
