"""From what pods have counted to whether answers are cached: on tallies that are written down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes.toy import Toy, model

from frazil_operator import names
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import Scraper
from frazil_operator.keeper import STATE, WINDOW, Keeper
from frazil_operator.observed import Key, Measured
from frazil_operator.store import Store
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules, Bucket, Counts, Tally

KEY = Key("demo", "digits")
NOW = 1_800_000_000.0
RULES = AccuracyRules().digest


class Site:
    """A model with one pod that serves; ``label`` is what comes of feedback in it."""

    def __init__(self, **spec: Any) -> None:
        self.toy = Toy(model(**({"accuracy": {}} | spec)))
        self.toy.settle()
        self.numbers = iter(range(1, 10_000))
        self.start()

    def start(self) -> None:
        """A new operator, that knows what there is."""
        self.store, self.pods = Store(), Pods()
        self.scraper = Scraper.__new__(Scraper)  # it asks nobody here
        self.scraper.tallies = {KEY: {}}
        self.added: list[Key] = []
        self.keeper = Keeper(self.store, self.pods, self.scraper, self.added.append)
        self.tell()
        self.serve("a")

    def tell(self) -> None:
        for body in (self.toy.model, *self.toy.objects.values()):
            version = {"resourceVersion": str(next(self.numbers))}
            self.store.observe({**body, "metadata": {**body["metadata"], **version}})

    def serve(self, *uids: str) -> None:
        labels = {names.MODEL: "digits", names.SERVING: "digits"}
        place = {"namespace": "demo", "labels": labels}
        status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
        bodies = [
            {"kind": "Pod", "metadata": place | {"name": uid, "uid": uid}, "status": status}
            for uid in uids
        ]
        self.pods.replace("Pod", bodies, "1")

    @property
    def revision(self) -> str:
        return str(self.toy.model["status"]["stable"]["revision"])

    def label(self, right: int, labels: int, now: float = NOW, **changes: Any) -> None:
        """The pod has counted so much in this minute."""
        counts = Counts(predictions=labels, rows=labels, labels=labels, right=right)
        buckets = {self.revision: (Bucket(int(now // 60), counts),)}
        tally = Tally("digits", self.revision, rules=RULES, started=1.0, buckets=buckets)
        self.scraper.tallies[KEY]["a"] = replace(tally, **changes)

    def look(self, now: float = NOW) -> Measured | None:
        """Look at what was counted; what is to be written is."""
        self.keeper.look(KEY, now)
        measured = self.keeper.measured(KEY)
        self.toy.measured = measured
        self.toy.settle()
        self.tell()
        return measured

    def policy(self) -> Policy:
        return Policy.from_json(
            self.toy.objects["ConfigMap", "digits-policy"]["data"]["policy.json"]
        )


@pytest.fixture
def site() -> Site:
    return Site()


def test_without_a_wish_for_accuracy_there_is_none() -> None:
    assert Site(accuracy=None).look() is None


def test_before_any_label_nothing_is_known_and_nothing_cached(site: Site) -> None:
    measured = site.look()
    assert measured is not None
    assert (measured.value, measured.samples, measured.caching) == (None, 0, False)
    assert not site.policy().caches_outputs


def test_a_model_that_is_accurate_enough_has_its_answers_cached(site: Site) -> None:
    site.label(97, 100)
    measured = site.look()
    assert measured is not None
    assert (measured.value, measured.samples, measured.source) == (0.97, 100, "Feedback")
    assert site.policy().caches_outputs
    status = site.toy.model["status"]["accuracy"]
    assert status == {
        "value": 0.97,
        "samples": 100,
        "source": "Feedback",
        "epoch": 0,
        "caching": True,
    }


def test_too_few_labels_decide_nothing(site: Site) -> None:
    site.label(49, 49)
    site.look()
    assert not site.policy().caches_outputs


def test_a_sudden_fall_takes_the_cache_away_at_the_next_look(site: Site) -> None:
    site.label(97, 100)
    site.look()
    number = site.policy().number
    site.label(97, 400)
    site.look(NOW + 1)
    assert not site.policy().caches_outputs
    assert site.policy().number > number


def test_a_fall_that_begins_is_told_ahead(site: Site) -> None:
    site.label(950, 1000)
    site.look()
    assert not site.keeper.expects_loss(KEY)
    site.label(795, 1000)
    site.look(NOW + 1)
    assert site.policy().caches_outputs
    assert site.keeper.expects_loss(KEY)


def test_another_operator_knows_what_the_first_has_decided(site: Site) -> None:
    site.label(97, 100)
    site.look()
    memory = site.toy.objects["ConfigMap", "digits-accuracy"]["data"]
    assert set(memory) == {WINDOW, STATE}
    site.start()
    measured = site.look(NOW + 60)  # the pod has yet to tell
    assert measured is not None
    assert (measured.samples, measured.caching) == (100, True)
    assert site.policy().caches_outputs


def test_until_it_has_looked_pods_go_on_as_they_do(site: Site) -> None:
    site.label(97, 100)
    site.look()
    site.toy.measured = None
    site.toy.settle()
    assert site.policy().caches_outputs


def test_who_asks_for_accuracy_no_longer_has_nothing_cached(site: Site) -> None:
    site.label(97, 100)
    site.look()
    site.toy.model["spec"]["accuracy"] = None
    site.toy.change(queue={"maxWaitSeconds": 2})
    site.tell()
    assert site.look() is None
    assert not site.policy().caches_outputs


def test_the_labels_of_a_pod_that_has_left_still_count(site: Site) -> None:
    site.label(97, 100)
    site.look()
    site.scraper.tallies[KEY].clear()
    site.serve()
    measured = site.look(NOW + 5)
    assert measured is not None
    assert measured.samples == 100


def test_nothing_is_written_while_nothing_comes(site: Site) -> None:
    site.label(97, 100)
    site.look()
    site.added.clear()
    for second in range(1, 300):
        site.keeper.look(KEY, NOW + second)
    assert site.added == []


def test_a_value_that_moves_is_told_every_half_minute(site: Site) -> None:
    for second in range(61):
        site.label(90 + second, 100 + second, NOW + second)
        site.keeper.look(KEY, NOW + second)
    assert len(site.added) <= 5


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"rules": "00000000"}, id="by other rules"),
        pytest.param({"buckets": {"another": ()}}, id="of another revision"),
    ],
)
def test_what_is_counted_otherwise_does_not_count(site: Site, changes: dict[str, Any]) -> None:
    site.label(97, 100, **changes)
    measured = site.look()
    assert measured is not None
    assert measured.samples == 0


def test_damaged_memory_is_none(site: Site) -> None:
    site.label(97, 100)
    site.look()
    site.toy.objects["ConfigMap", "digits-accuracy"]["data"] = {WINDOW: "{", STATE: "[]"}
    site.start()
    measured = site.look()
    assert measured is not None
    assert measured.samples == 0


def test_the_evaluation_stands_in_until_there_are_labels() -> None:
    said = {"dataset": "s3://models/holdout.npz", "minimum": 0.5}
    site = Site(evaluation=said)
    (body,) = site.toy.kind("ControllerRevision")
    found = {"key": "0" * 64, "value": 0.97, "samples": 1000}
    counts = {"counts": {"right": 970, "scored": 1000}}
    body["metadata"]["annotations"][names.EVALUATED] = json.dumps(found | counts)
    site.tell()
    site.keeper.look(KEY, NOW)
    measured = site.keeper.measured(KEY)
    assert measured is not None
    assert (measured.source, measured.samples, measured.caching) == ("Evaluation", 1000, True)
