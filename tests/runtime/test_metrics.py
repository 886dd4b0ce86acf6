"""The names and labels that dashboards and the operator rely on."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.metrics import BUCKETS, Metrics

MANIFEST = Manifest({"predict": Signature((), ())}, "predict", {})
MODEL = ModelInfo("digits", "7", "3f9a", MANIFEST, "sha256-00")


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    """Value by name and label values, the histogram's buckets left out."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if "le" not in sample.labels
    }


def key(name: str, *labels: str) -> tuple[str, frozenset[str]]:
    return name, frozenset(labels)


def test_a_request_is_counted_by_outcome_and_timed() -> None:
    metrics = Metrics()
    metrics.serves(MODEL)
    metrics.observe("digits", "v1", "predict", "OK", 0.25)
    metrics.observe("digits", "v1", "predict", "INVALID_ARGUMENT", 0.5)
    found = samples(metrics)
    assert found[key("frazil_requests_total", "digits", "v1", "predict", "OK")] == 1
    assert found[key("frazil_requests_total", "digits", "v1", "predict", "INVALID_ARGUMENT")] == 1
    assert found[key("frazil_request_duration_seconds_count", "digits", "v1", "predict")] == 2
    assert found[key("frazil_request_duration_seconds_sum", "digits", "v1", "predict")] == 0.75


def test_durations_of_all_answers_are_counted_by_bucket() -> None:
    metrics = Metrics()
    assert sum(metrics.durations()) == 0
    metrics.serves(MODEL)
    for protocol, seconds in (("v1", 0.25), ("v2", 0.3), ("grpc", 100.0)):
        metrics.observe("digits", protocol, "predict", "OK", seconds)
    counts = dict(zip((*BUCKETS, None), metrics.durations(), strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {0.25: 1, 0.5: 1, None: 1}


def test_clients_cannot_make_new_series() -> None:
    metrics = Metrics()
    metrics.serves(MODEL)
    metrics.observe("digits", "v2", "made up", "INVALID_ARGUMENT", 0.1)
    assert (
        samples(metrics)[key("frazil_requests_total", "digits", "v2", "", "INVALID_ARGUMENT")] == 1
    )


def test_the_model_names_itself() -> None:
    metrics = Metrics()
    metrics.serves(MODEL)
    name = key("frazil_model_info", "digits", "7", "3f9a", "sha256-00")
    assert samples(metrics)[name] == 1


def test_readiness_is_read_at_each_scrape() -> None:
    metrics, state = Metrics(), {"ready": False}
    metrics.watch(lambda: state["ready"] is True, CollectorRegistry())
    assert samples(metrics)[key("frazil_ready")] == 0
    state["ready"] = True
    metrics.became_ready(0.8)
    found = samples(metrics)
    assert found[key("frazil_ready")] == 1
    assert found[key("frazil_start_seconds")] == 0.8
