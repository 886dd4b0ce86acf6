"""How one revision follows another, played out on a tiny model of Deployments and pods."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

import pytest
from fakes.fleet import ToyFleet
from hypothesis import given, settings
from hypothesis import strategies as st

from frazil_operator.rollout import Traffic, settled, surge


@pytest.mark.parametrize(
    ("max_surge", "size", "pods"),
    [
        pytest.param("25%", 4, 1, id="a quarter of four is one"),
        pytest.param("25%", 5, 2, id="a part of a pod is rounded up"),
        pytest.param("25%", 0, 1, id="something must be able to move"),
        pytest.param("100%", 3, 3, id="all at once"),
        pytest.param(2, 10, 2, id="a number is a number of pods"),
        pytest.param("2", 10, 2, id="a number may come as text"),
    ],
)
def test_surge(max_surge: int | str, size: int, pods: int) -> None:
    assert surge(max_surge, size) == pods


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("extra", [1, 2, 7])
def test_the_target_takes_over_and_capacity_never_falls(size: int, extra: int) -> None:
    fleet = ToyFleet.serving("a", size, extra)
    fleet.target = "b"
    for _ in range(100):
        for act in (fleet.operate, fleet.control, fleet.warm):
            act()
            assert sum(fleet.in_service().values()) >= size
            assert sum(fleet.wanted.values()) <= size + extra
        if settled(fleet.scene()):
            break
    assert fleet.counts() == {"b": (size, size)}
    assert fleet.traffic == Traffic("b")


def test_the_first_revision_is_selected_from_the_start() -> None:
    fleet = ToyFleet(3)
    fleet.operate()
    assert fleet.traffic is None
    fleet.target = "a"
    fleet.operate()
    assert fleet.traffic == Traffic("a")
    fleet.settle()
    assert fleet.in_service() == {"a": 3}


def test_a_candidate_that_never_gets_ready_costs_nothing() -> None:
    fleet = ToyFleet.serving("a", 3)
    fleet.target, fleet.broken = "b", {"b"}
    fleet.settle()
    assert fleet.counts() == {"a": (3, 3), "b": (1, 0)}
    assert fleet.traffic == Traffic("a")


def test_a_rejected_candidate_leaves_as_the_stable_one_grows_back() -> None:
    fleet = ToyFleet.serving("a", 3)
    fleet.target = "b"
    while fleet.scene().fleet("b").ready < 2:
        fleet.operate()
        fleet.control()
        fleet.warm()
    assert fleet.traffic == Traffic("a", wide=True)
    fleet.target = None
    for _ in range(10):
        fleet.operate()
        fleet.control()
        assert sum(fleet.in_service().values()) >= 3
        fleet.warm()
    assert fleet.counts() == {"a": (3, 3)}
    assert fleet.traffic == Traffic("a")


def test_a_superseded_candidate_drains_before_the_next_joins() -> None:
    fleet = ToyFleet.serving("a", 4)
    fleet.target = "b"
    while fleet.scene().fleet("b").ready < 2:
        fleet.operate()
        fleet.control()
        fleet.warm()
    fleet.target = "c"
    for _ in range(30):
        fleet.operate()
        fleet.control()
        assert not {"b", "c"} <= fleet.in_service().keys()
        assert sum(fleet.in_service().values()) >= 4
        fleet.warm()
    assert fleet.counts() == {"c": (4, 4)}


def test_a_first_revision_that_never_served_is_replaced_at_once() -> None:
    fleet = ToyFleet(2, target="a", broken={"a"})
    fleet.settle()
    assert fleet.counts() == {"a": (2, 0)}
    fleet.target = "b"
    fleet.operate()
    assert fleet.traffic == Traffic("b")
    fleet.settle()
    assert fleet.counts() == {"b": (2, 2)}


def test_a_first_revision_that_was_rejected_keeps_only_what_serves() -> None:
    fleet = ToyFleet(2, target="a", broken={"a"})
    fleet.settle()
    fleet.target = None
    fleet.settle()
    assert fleet.counts() == {}


def test_a_stable_revision_that_broke_gives_way_to_the_superseded_one_that_serves() -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.target = "b"
    while not fleet.in_service().get("b"):
        fleet.warm()
        fleet.operate()
        fleet.control()
    fleet.broken.add("a")
    for pod in fleet.pods["a"]:
        pod.ready = False
    fleet.target = "c"
    for _ in range(30):
        fleet.operate()
        fleet.control()
        assert fleet.in_service()
        fleet.warm()
    assert fleet.counts() == {"c": (2, 2)}


@pytest.mark.parametrize("target", ["b", None])
def test_a_service_that_somebody_deleted_selects_again_what_serves(target: str | None) -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.target = target
    fleet.operate()
    fleet.control()
    fleet.traffic = None
    fleet.operate()
    assert fleet.in_service() == {"a": 2}


def test_a_pod_that_was_asked_to_go_is_counted_on_no_more() -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.target = "b"
    while fleet.wanted["a"] == 2:
        fleet.control()
        fleet.warm()
        fleet.operate()
    fleet.target = "a"
    for _ in islice(fleet.writes(), 2):  # it dies when it has said whom to select
        pass
    fleet.control()
    assert sum(fleet.in_service().values()) >= 2


@pytest.mark.parametrize("target", ["b", None])
def test_a_service_deleted_while_nothing_is_ready_selects_what_is_proven(
    target: str | None,
) -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.target, fleet.traffic, fleet.broken = target, None, {"b"}
    fleet.crash("a", 2)
    fleet.settle()
    assert fleet.traffic == Traffic("a")
    assert fleet.in_service() == {"a": 2}


def test_a_parked_model_that_was_given_an_unfit_revision_serves_the_proven_one() -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.size = 0
    fleet.settle()
    fleet.target, fleet.unfit = "b", {"b"}
    fleet.settle()
    assert fleet.traffic == Traffic("b")
    fleet.size = 2
    fleet.settle()
    assert fleet.counts() == {"a": (2, 2)}
    assert fleet.traffic == Traffic("a")


def test_what_took_over_on_trial_gives_way_when_the_next_is_unfit() -> None:
    fleet = ToyFleet.serving("a", 2)
    fleet.target = "b"
    while not fleet.in_service().get("b"):
        fleet.warm()
        fleet.operate()
        fleet.control()
    fleet.crash("a", 2)
    fleet.target, fleet.unfit = "c", {"c"}
    fleet.operate()
    assert fleet.traffic == Traffic("b")
    for _ in range(30):
        fleet.control()
        assert fleet.in_service()
        fleet.warm()
        fleet.operate()
    assert fleet.counts() == {"a": (2, 2)}
    assert fleet.traffic == Traffic("a")


def instants(fleet: ToyFleet) -> Iterator[ToyFleet]:
    """What is there after each write and each act, until the target is settled."""
    while not settled(fleet.scene()):
        for _ in fleet.writes():
            yield fleet.copy()
        for act in (fleet.control, fleet.warm):
            act()
            yield fleet.copy()


@pytest.mark.parametrize("size", [1, 3])
def test_what_has_the_traffic_alone_is_on_trial_no_more(size: int) -> None:
    fleet = ToyFleet.serving("a", size)
    fleet.target = "b"
    for instant in instants(fleet):
        assert instant.traffic.wide or instant.traffic.stable in instant.proven


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("extra", [1, 3])
@pytest.mark.parametrize("fit", [True, False])
def test_whatever_crashes_at_any_instant_of_a_rollout_one_serves_at_full_size(
    size: int, extra: int, fit: bool
) -> None:
    fleet = ToyFleet.serving("a", size, extra)
    fleet.target = "b"
    for instant in instants(fleet):
        for crashed in product(range(size + 1), repeat=2):
            after = instant.copy()
            after.unfit = set() if fit else {"b"} - after.proven
            for revision, pods in zip("ab", crashed, strict=True):
                after.crash(revision, pods)
            after.settle()
            stable = "a" if after.unfit else "b"
            assert after.counts() == {stable: (size, size)}
            assert after.traffic == Traffic(stable)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(3, 1, id="three to one"),
        pytest.param(1, 3, id="one to three"),
        pytest.param(3, 0, id="parked"),
        pytest.param(0, 2, id="unparked"),
    ],
)
@pytest.mark.parametrize("target", ["a", "b"])
def test_the_size_may_change_at_any_time(before: int, after: int, target: str) -> None:
    fleet = ToyFleet.serving("a", before)
    fleet.target = target
    fleet.operate()
    fleet.control()
    fleet.size = after
    fleet.settle()
    assert fleet.counts() == ({target: (after, after)} if after else {})
    assert fleet.traffic == Traffic(target)


@given(
    size=st.integers(1, 5),
    extra=st.integers(1, 3),
    wishes=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 12)), max_size=5
    ),
    luck=st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_whatever_the_user_wants_and_whenever_the_operator_dies(
    size: int, extra: int, wishes: list[tuple[str | None, int]], luck: object
) -> None:
    """Capacity never falls, at most one candidate takes part, and the last wish comes true."""
    fleet = ToyFleet.serving("a", size, extra)

    def look() -> None:
        serving = fleet.in_service()
        assert sum(serving.values()) >= size
        assert len(serving.keys() - {fleet.traffic.stable}) <= 1

    for target, rounds in [*wishes, ("b", 0)]:
        fleet.target = target
        for _ in range(rounds):
            for _ in fleet.writes():
                look()
                if luck.random() < 0.3:
                    break
            if luck.random() < 0.8:
                fleet.control()
                look()
            if luck.random() < 0.8:
                fleet.warm()
                look()
    fleet.settle()
    assert fleet.counts() == {"b": (size, size)}
    assert fleet.traffic == Traffic("b")


ACTS = st.one_of(
    st.tuples(st.just("ask for"), st.sampled_from(["a", "b", "c", None])),
    st.tuples(st.just("scale to"), st.integers(0, 3)),
    st.tuples(st.just("crash"), st.sampled_from("abc")),
    st.tuples(st.just("is unfit"), st.sampled_from("bc")),
    st.tuples(st.just("delete the Service"), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 6)),
)


@given(acts=st.lists(ACTS, max_size=12), luck=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_while_a_revision_is_proven_the_model_ends_serving(
    acts: list[tuple[str, object]], luck: object
) -> None:
    """Whatever crashes, is unfit, parked or deleted, and whenever the operator dies."""
    fleet = ToyFleet.serving("a", 2)
    for act, what in acts:
        if act == "ask for":
            fleet.target = what
        elif act == "scale to":
            fleet.size = what
        elif act == "delete the Service":
            fleet.traffic = None
        elif act == "wait":
            disturbed(fleet, what, luck)
        else:
            fleet.unfit |= {what} - fleet.proven if act == "is unfit" else set()
            fleet.crash(what, luck.randint(1, 3))
    fleet.size = max(1, fleet.size)
    fleet.settle()
    if fleet.proven:
        assert fleet.traffic is not None
        assert fleet.traffic.stable in fleet.proven
        assert fleet.counts() == {fleet.traffic.stable: (fleet.size, fleet.size)}


def disturbed(fleet: ToyFleet, rounds: int, luck: object) -> None:
    """So many rounds in which the operator may die and the others may be late."""
    for _ in range(rounds):
        for _ in fleet.writes():
            if luck.random() < 0.2:
                break
        for act in (fleet.control, fleet.warm):
            if luck.random() < 0.8:
                act()
