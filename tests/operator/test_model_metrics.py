"""Each model's figures, as Prometheus reads them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from frazil_operator.autoscale.decide import Figures
from frazil_operator.autoscale.sight import Sight
from frazil_operator.autoscale.totals import Count
from frazil_operator.model_metrics import ModelCollector, exposed
from frazil_operator.observed import Key

KEY = Key("demo", "digits")
FIGURES = Figures(
    pods=2,
    queued=9,
    running=1,
    wait_seconds=0.3,
    demand_long=1.4,
    saved=0.6,
    capacity=0.8,
    requests_per_second=50.0,
    hits_per_second=15.0,
    latency_p99=0.25,
)
SERVES = Sight(desired=3, ready=2, figures=FIGURES, count=Count(1000, 300), reachable=True)
DARK = Sight(desired=1, ready=1, figures=Figures(silent=1), count=Count(7, 0), reachable=False)


def samples(registry: CollectorRegistry, model: str = "digits") -> dict[str, float]:
    """Values by name, without their common prefix."""
    return {
        sample.name.removeprefix("frazil_model_"): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.labels == {"namespace": "demo", "model": model}
    }


@pytest.fixture
def sights() -> dict[Key, Sight]:
    return {}


@pytest.fixture
def registry(sights: dict[Key, Sight]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ModelCollector(lambda: sights))
    return registry


def test_a_model_that_serves(registry: CollectorRegistry, sights: dict[Key, Sight]) -> None:
    sights[KEY] = SERVES
    assert samples(registry) == {
        "desired_pods": 3,
        "ready_pods": 2,
        "load_reachable": 1,
        "queue_depth": 9,
        "ongoing_requests": 1,
        "wait_seconds": 0.3,
        "demand": 1.4,
        "saved": 0.6,
        "capacity": 0.8,
        "requests_per_second": 50,
        "cache_hits_per_second": 15,
        "latency_p99_seconds": 0.25,
        "requests_total": 1000,
        "cache_hits_total": 300,
    }


def test_what_no_pod_tells_has_no_sample(
    registry: CollectorRegistry, sights: dict[Key, Sight]
) -> None:
    sights[KEY] = DARK
    assert samples(registry) == {
        "desired_pods": 1,
        "ready_pods": 1,
        "load_reachable": 0,
        "requests_total": 7,
        "cache_hits_total": 0,
    }


def test_a_model_that_is_deleted_leaves_nothing_behind(
    registry: CollectorRegistry, sights: dict[Key, Sight]
) -> None:
    sights |= {KEY: SERVES, Key("demo", "other"): SERVES}
    assert samples(registry)
    del sights[KEY]
    assert samples(registry) == {}
    assert samples(registry, "other")


def test_they_are_there_for_a_block_and_can_be_again() -> None:
    registry = CollectorRegistry()
    for _ in range(2):
        with exposed(lambda: {KEY: SERVES}, registry):
            assert samples(registry)["ready_pods"] == 2
        assert samples(registry) == {}
