"""How one revision follows another, played out on a tiny model of Deployments and pods."""

from __future__ import annotations

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
