"""What serving pods are told while they run, and how the policy's number grows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.toy import Toy, model

from frazil_operator.api import Model
from frazil_operator.plan.policy import policy
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules, Metric

MIB = 2**20


@pytest.fixture
def toy() -> Toy:
    """A model that serves."""
    toy = Toy(model())
    toy.settle()
    return toy


def told(toy: Toy) -> Policy:
    return Policy.from_json(toy.objects["ConfigMap", "digits-policy"]["data"]["policy.json"])


def edit(toy: Toy, text: str) -> None:
    """Somebody writes into the ConfigMap."""
    toy.objects["ConfigMap", "digits-policy"]["data"] = {"policy.json": text}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, Policy(), id="what the runtime does unasked, where nothing is said"),
        pytest.param(
            {"queue": {"order": "Fifo", "agingSeconds": 1, "maxWaitSeconds": 0.5}},
            Policy(order="Fifo", aging_seconds=1.0, max_wait_seconds=0.5),
            id="the queue's order and patience",
        ),
        pytest.param(
            {"queue": {"maxBytes": "1Gi", "maxRequestBytes": 1000}},
            Policy(max_bytes=1024 * MIB, max_request_bytes=1000),
            id="the queue's bounds in bytes",
        ),
        pytest.param(
            {"cache": {"inputs": {"maxBytes": 0}, "outputs": {"mode": "Always"}}},
            Policy(input_cache_bytes=0, output_cache_mode="Always"),
            id="the caches",
        ),
        pytest.param(
            {"accuracy": {}},
            Policy(accuracy=AccuracyRules(enabled=True)),
            id="that answers are held against labels",
        ),
        pytest.param(
            {"accuracy": {"output": "p", "metric": "TopK", "k": 3, "maxLabelAgeSeconds": 60}},
            Policy(accuracy=AccuracyRules(True, "p", Metric.TOP_K, 3, 0.5, 60)),
            id="and how",
        ),
        pytest.param(
            {"cache": {"outputs": {"maxBytes": "1Mi"}}},
            Policy(output_cache_bytes=MIB),
            id="the output cache's size",
        ),
        pytest.param(
            {
                "inputs": {
                    "photo": {"fetch": {"allow": ["s3://photos", "https://photos.example/a"]}},
                    "mask": {"fetch": {}, "image": {"height": 8, "width": 8}},
                }
            },
            Policy(allow={"photo": ("s3://photos", "https://photos.example/a")}),
            id="which URIs may be named for which input",
        ),
    ],
)
def test_the_policy_is_what_the_spec_says(spec: dict[str, Any], expected: Policy) -> None:
    assert policy(Model.parse(model(**spec))) == expected


def test_without_a_measured_accuracy_no_answer_is_cached() -> None:
    assert not policy(Model.parse(model())).caches_outputs


def test_the_first_policy_has_a_number_that_pods_follow(toy: Toy) -> None:
    assert told(toy).number > Policy().number


def test_a_policy_keeps_its_number_while_its_contents_are_equal(toy: Toy) -> None:
    before = told(toy)
    toy.now += timedelta(days=1)
    toy.change(replicas=2, queue={"maxBytes": 256 * MIB})
    toy.settle()
    assert told(toy) == before


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(timedelta(hours=1), id="an hour later"),
        pytest.param(timedelta(), id="in the same second"),
        pytest.param(timedelta(hours=-1), id="by a clock that was set back"),
    ],
)
def test_another_policy_has_a_larger_number(toy: Toy, later: timedelta) -> None:
    before = told(toy)
    toy.now += later
    toy.change(queue={"order": "Fifo"})
    toy.look()
    assert told(toy).order == "Fifo"
    assert told(toy).number > before.number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("{", 0, id="what cannot be read"),
        pytest.param("{}", 0, id="what has no number"),
        pytest.param(Policy(number=2**40, order="Fifo").to_json(), 2**40, id="a larger number"),
        pytest.param(Policy(number=1, order="Fifo").to_json(), 1, id="a smaller number"),
    ],
)
def test_what_somebody_wrote_into_it_is_put_right_and_pods_follow(
    toy: Toy, text: str, number: int
) -> None:
    before = told(toy)
    edit(toy, text)
    toy.look()
    assert told(toy).order == "SmallestFirst"
    assert told(toy).number > number
    assert told(toy).number >= before.number


def test_a_deleted_policy_comes_back_with_a_number_that_is_no_smaller(toy: Toy) -> None:
    toy.change(queue={"order": "Fifo"})
    toy.settle()
    before = told(toy)
    del toy.objects["ConfigMap", "digits-policy"]
    toy.settle()
    assert told(toy).number > before.number


def test_the_policy_is_there_before_the_pods_that_read_it(toy: Toy) -> None:
    kinds = [body["kind"] for body in toy.plan().apply]
    assert kinds.index("ConfigMap") < kinds.index("Deployment")


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"cache": {"outputs": {"mode": "Always"}}}, id="of a cache"),
        pytest.param({"inputs": {"x": {"fetch": {"allow": ["s3://a"]}}}}, id="of what is fetched"),
    ],
)
def test_a_change_of_the_policy_writes_the_config_map_alone(toy: Toy, spec: dict[str, Any]) -> None:
    before = {key: body for key, body in toy.objects.items() if key[0] != "ConfigMap"}
    policy_before = told(toy)
    toy.change(**spec)
    toy.look()
    assert {key: body for key, body in toy.objects.items() if key[0] != "ConfigMap"} == before
    assert told(toy).number > policy_before.number
