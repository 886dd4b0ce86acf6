"""From what pods tell to what is to be done: on a store, pods and loads that are written down."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.toy import Body, Toy, model

from frazil_operator import names
from frazil_operator.autoscale.loop import Autoscaler
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import Scraper
from frazil_operator.observed import Key, Scaling
from frazil_operator.store import Store
from frazil_runtime.contract.load import Load

KEY = Key("demo", "digits")
BUSY = Load(queued=9, running=1, wait_seconds=0.301, demand_short=1.4, demand_long=1.4)


class Site:
    """A model with one pod that serves; ``loads`` is what its pods have told."""

    def __init__(self, toy: Toy) -> None:
        self.store, self.pods = Store(), Pods()
        self.toy = toy
        self.scraper = Scraper.__new__(Scraper)  # it asks nobody here
        self.scraper.loads = {}
        self.added: list[Key] = []
        self.scaler = Autoscaler(self.store, self.pods, self.scraper, self.added.append)
        self.numbers = iter(range(1, 1000))
        self.tell()

    def tell(self) -> None:
        """The store hears of all there is."""
        for body in (self.toy.model, *self.toy.objects.values()):
            version = {"resourceVersion": str(next(self.numbers))}
            self.store.observe({**body, "metadata": {**body["metadata"], **version}})

    def serve(self, *uids: str) -> None:
        """These pods are ready."""
        bodies = []
        for uid in uids:
            labels = {names.MODEL: "digits", names.SERVING: "digits"}
            metadata = {"namespace": "demo", "name": uid, "uid": uid, "labels": labels}
            ready = {"type": "Ready", "status": "True"}
            status = {"podIP": "10.0.0.1", "conditions": [ready]}
            bodies.append({"kind": "Pod", "metadata": metadata, "status": status})
        self.pods.replace("Pod", bodies, "1")

    def look(self, now: float, **loads: Load | None) -> Scaling | None:
        self.scraper.loads[KEY] = dict(loads)
        self.scaler.look(KEY, now)
        return self.scaler.scaling(KEY)


@pytest.fixture
def site() -> Site:
    toy = Toy(model())
    toy.settle()
    site = Site(toy)
    site.serve("a")
    return site


def test_before_a_look_nobody_knows(site: Site) -> None:
    assert site.scaler.scaling(KEY) is None


def test_a_load_is_told_with_what_it_calls_for(site: Site) -> None:
    site.look(100.0, a=BUSY)
    told = site.look(101.0, a=BUSY)
    assert told is not None
    assert (told.pods, told.queued, told.running, told.wait_seconds) == (2, 9, 1, 0.3)
    assert site.added == [KEY, KEY]


def test_what_is_no_news_asks_for_no_look(site: Site) -> None:
    for second in range(100):
        site.look(100.0 + second, a=Load())
    assert site.added == [KEY]


def test_a_load_that_moves_is_told_every_half_minute(site: Site) -> None:
    for second in range(95):
        site.look(100.0 + second, a=Load(queued=second + 1, running=1))
    assert len(site.added) == 4


def test_pods_that_are_not_ready_need_not_answer(site: Site) -> None:
    site.serve()
    told = site.look(100.0)
    for second in range(100):
        told = site.look(101.0 + second)
    assert told is not None
    assert not told.unreachable


def test_pods_that_never_answer_are_told_of_after_half_a_minute(site: Site) -> None:
    told = [site.look(100.0 + second, a=None) for second in range(40)]
    dark = [scaling is not None and scaling.unreachable for scaling in told]
    assert dark == [False] * 30 + [True] * 10
    lit = site.look(140.0, a=Load())
    assert lit is not None
    assert not lit.unreachable


def test_one_that_answers_is_enough(site: Site) -> None:
    site.serve("a", "b")
    told = [site.look(100.0 + second, a=Load(), b=None) for second in range(40)]
    assert not any(scaling is not None and scaling.unreachable for scaling in told)


def test_a_model_that_serves_nothing_is_not_looked_at() -> None:
    site = Site(Toy(model()))
    assert site.look(100.0) is None


@pytest.mark.parametrize(
    ("spec", "pods"),
    [
        pytest.param({"scaling": {"maxReplicas": 1}}, 1, id="another bound"),
        pytest.param({"replicas": 3}, 3, id="a fixed size"),
    ],
)
def test_another_spec_is_followed_at_once(site: Site, spec: dict[str, Any], pods: int) -> None:
    site.look(100.0, a=BUSY)
    site.toy.change(**spec)
    site.tell()
    told = site.look(101.0, a=BUSY)
    assert told is not None
    assert told.pods == pods


def test_a_spec_that_cannot_be_read_holds_what_was_told(site: Site) -> None:
    before = site.look(100.0, a=BUSY)
    site.toy.change(replicas="many")
    site.tell()
    assert site.look(101.0, a=BUSY) == before


def test_what_was_seen_last_is_there_for_who_shows_it(site: Site) -> None:
    assert site.scaler.sights() == {}
    site.serve("a", "b")
    site.look(100.0, a=Load(requests=5), b=Load())
    site.look(101.0, a=Load(requests=9, hits=1, latency_p99=0.5), b=Load(queued=2, latency_p99=0.1))
    sight = site.scaler.sights()[KEY]
    assert (sight.desired, sight.ready, sight.reachable) == (1, 2, True)
    assert (sight.figures.queued, sight.figures.latency_p99) == (2, 0.5)
    assert sight.count == (4, 1)


def test_a_model_that_is_deleted_is_seen_no_more(site: Site) -> None:
    site.scraper.loads[KEY] = {"a": BUSY}
    site.scaler.look_at_all(100.0)
    assert site.scaler.sights()
    site.store.observe(site.store.model(KEY) or {}, deleted=True)
    site.scaler.look_at_all(101.0)
    assert site.scaler.sights() == {}


def test_a_model_that_serves_no_more_is_seen_no_more(site: Site) -> None:
    site.look(100.0, a=BUSY)
    for identity in [key for key in site.toy.objects if key[0] == "Service"]:
        site.store.observe(with_version(site.toy.objects.pop(identity), "900"), deleted=True)
    site.look(101.0, a=BUSY)
    assert site.scaler.sights() == {}


def with_version(body: Body, version: str) -> Body:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version}}


def test_where_the_cache_is_about_to_go_the_fleet_grows_and_the_load_is_told_as_it_is(
    site: Site,
) -> None:
    saves = Load(demand_short=0.1, demand_long=0.1, saved_long=2.0)
    site.scaler = Autoscaler(
        site.store, site.pods, site.scraper, site.added.append, lambda key: key == KEY
    )
    site.look(100.0, a=saves)
    told = site.look(101.0, a=saves)
    assert told is not None
    assert told.pods == 3
    assert site.scaler.sights()[KEY].figures.demand_long == 0.1


def test_a_model_that_was_parked_begins_anew(site: Site) -> None:
    site.look(100.0, a=BUSY)
    assert site.look(101.0, a=BUSY) is not None
    site.toy.change(replicas=0)
    site.toy.settle()
    site.tell()
    assert site.look(102.0) is None
