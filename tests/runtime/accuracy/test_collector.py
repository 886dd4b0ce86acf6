"""The names and labels that dashboards rely on."""

from __future__ import annotations

from fakes.accuracy import RULES, Pod

from frazil_runtime.accuracy.collector import AccuracyCollector
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules


def samples(*pods: Pod) -> dict[tuple[str, ...], float]:
    families = AccuracyCollector([pod.ledger for pod in pods]).collect()
    return {
        (each.name, *each.labels.values()): each.value
        for family in families
        for each in family.samples
    }


def test_what_is_told() -> None:
    pod, other = Pod(), Pod("digits-b")
    pod.label(pod.predict(1, 1), 1, 0)
    pod.label(other.predict(1), 0)
    pod.predict(1)
    assert samples(pod) == {
        ("frazil_accuracy_predictions_total", "digits", "digits-a"): 2,
        ("frazil_accuracy_predictions_total", "digits", "digits-b"): 0,
        ("frazil_accuracy_labels_total", "digits", "digits-a"): 2,
        ("frazil_accuracy_labels_total", "digits", "digits-b"): 1,
        ("frazil_feedback_total", "digits", "scored"): 2,
        ("frazil_accuracy", "digits", "digits-a", "Accuracy"): 0.5,
        ("frazil_accuracy", "digits", "digits-b", "Accuracy"): 0,
    }


def test_counters_only_grow_and_the_metric_is_of_the_last_hour() -> None:
    pod = Pod()
    pod.label(pod.predict(1), 1)
    pod.clock.now += 2 * 3600
    found = samples(pod)
    assert found["frazil_accuracy_labels_total", "digits", "digits-a"] == 1
    assert ("frazil_accuracy", "digits", "digits-a", "Accuracy") not in found
    pod.ledger.follow(Policy(accuracy=AccuracyRules(enabled=True, output="scores")))
    assert samples(pod)["frazil_accuracy_labels_total", "digits", "digits-a"] == 1


def test_of_a_model_that_nobody_measures_nothing_is_told() -> None:
    assert samples(Pod(rules=AccuracyRules())) == {}
    assert samples(Pod(rules=RULES)) == {}
