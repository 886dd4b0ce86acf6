"""The size of a fleet: who says it, who remembers it, what the status tells of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.toy import Toy, model

from frazil_operator import names
from frazil_operator.observed import Scaling

CROWD = Scaling(3, "there is much to do", queued=12, running=2, wait_seconds=0.75)
QUIET = Scaling(1, "there is little to do")


@pytest.fixture
def toy() -> Toy:
    """A model that serves with one pod, and whose load nobody has looked at yet."""
    toy = Toy(model())
    toy.settle()
    toy.events.clear()
    return toy


def size(toy: Toy) -> int:
    return sum(toy.fleet().values())


def remembered(toy: Toy) -> str:
    (deployment,) = (d for d in toy.kind("Deployment") if d["spec"]["replicas"])
    return str(deployment["metadata"]["annotations"][names.SIZE])


def scale(toy: Toy, scaling: Scaling | None) -> None:
    toy.scaling = scaling
    toy.settle()


def test_a_model_begins_with_the_fewest_pods_it_may_have() -> None:
    toy = Toy(model(scaling={"minReplicas": 2}))
    toy.settle()
    assert size(toy) == 2
    assert toy.model["status"]["pods"] == "2/2"


def test_the_size_follows_the_load(toy: Toy) -> None:
    scale(toy, CROWD)
    assert (size(toy), remembered(toy)) == (3, "3")
    assert toy.model["status"]["pods"] == "3/3"
    assert toy.conditions()["Ready"] == "True Ready"
    scale(toy, QUIET)
    assert (size(toy), remembered(toy)) == (1, "1")


def test_ready_is_not_in_doubt_while_the_size_changes(toy: Toy) -> None:
    toy.scaling = CROWD
    toy.look()
    toy.control()
    toy.look()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.model["status"]["pods"] == "1/3"


def test_an_operator_that_has_not_looked_yet_changes_nothing(toy: Toy) -> None:
    scale(toy, CROWD)
    before = toy.model["status"]["scaling"]
    scale(toy, None)
    assert size(toy) == 3
    assert toy.model["status"]["scaling"] == before


@pytest.mark.parametrize(
    ("spec", "pods"),
    [
        pytest.param({"scaling": {"maxReplicas": 2}}, 2, id="fewer may be than there are"),
        pytest.param({"scaling": {"minReplicas": 5}}, 5, id="more must be than there are"),
        pytest.param({"scaling": {"maxReplicas": 20}}, 3, id="more may be"),
    ],
)
@pytest.mark.parametrize("looked", [True, False], ids=["after a look", "before any look"])
def test_the_bounds_hold_at_once(
    toy: Toy, spec: dict[str, object], pods: int, looked: bool
) -> None:
    scale(toy, CROWD)
    toy.scaling = CROWD if looked else None
    toy.change(**spec)
    toy.settle()
    assert size(toy) == pods


def test_a_fixed_size_is_not_moved_by_any_load_and_says_how_it_would(toy: Toy) -> None:
    toy.change(replicas=2)
    scale(toy, CROWD)
    assert size(toy) == 2
    assert toy.conditions()["ScalingActive"] == "False FixedSize"
    assert "remove it" in toy.model["status"]["scaling"]["reason"]
    assert toy.model["status"]["scaling"]["queueDepth"] == 12


def test_who_takes_the_fixed_size_away_begins_with_what_there_is(toy: Toy) -> None:
    toy.change(replicas=4)
    toy.settle()
    del toy.model["spec"]["replicas"]
    toy.settle()
    assert size(toy) == 4
    assert toy.conditions()["ScalingActive"] == "True FollowsLoad"


def test_a_parked_model_that_follows_the_load_again_has_a_pod(toy: Toy) -> None:
    toy.change(replicas=0)
    toy.settle()
    assert size(toy) == 0
    del toy.model["spec"]["replicas"]
    toy.settle()
    assert size(toy) == 1


def test_a_rollout_keeps_the_size(toy: Toy) -> None:
    scale(toy, CROWD)
    toy.scaling = None  # the operator has just been started
    toy.checkpoint(2)
    while toy.step():
        serving = sum("conditions" in pod["status"] for pod in toy.pods)
        assert serving >= 3
    assert size(toy) == 3


def test_the_status_tells_of_the_load(toy: Toy) -> None:
    scale(toy, CROWD)
    told = toy.model["status"]["scaling"]
    assert told.pop("lastScaleTime") > "2026-01-01T00:00:00Z"
    assert told == {
        "desired": 3,
        "reason": "there is much to do",
        "queueDepth": 12,
        "ongoing": 2,
        "waitSeconds": 0.75,
    }


def test_the_last_change_of_the_size_has_a_time(toy: Toy) -> None:
    scale(toy, CROWD)
    before = toy.model["status"]["scaling"]["lastScaleTime"]
    toy.now += timedelta(hours=1)
    scale(toy, Scaling(3, "as before", queued=1))
    assert toy.model["status"]["scaling"]["lastScaleTime"] == before
    scale(toy, QUIET)
    assert toy.model["status"]["scaling"]["lastScaleTime"] > before


def test_each_change_is_told_as_an_event(toy: Toy) -> None:
    scale(toy, CROWD)
    scale(toy, Scaling(3, "as before", queued=1))
    scale(toy, QUIET)
    assert [(e.reason, e.message) for e in toy.events] == [
        ("Scaled", "From 1 to 3 pods: there is much to do"),
        ("Scaled", "From 3 to 1 pods: there is little to do"),
    ]


def test_pods_that_cannot_be_asked_are_told_of_and_nothing_is_moved(toy: Toy) -> None:
    scale(toy, CROWD)
    scale(toy, Scaling(3, "no pod tells its load: the size stays at 3", unreachable=True))
    assert size(toy) == 3
    assert toy.conditions()["ScalingActive"] == "False LoadUnreachable"
    assert "NetworkPolicy" in toy.message("ScalingActive")
    assert toy.conditions()["Ready"] == "True Ready"
    assert "Stalled" not in toy.conditions()
    assert toy.story()[-1] == "LoadUnreachable"


def test_nothing_is_written_while_the_load_stays_as_it_is(toy: Toy) -> None:
    scale(toy, CROWD)
    assert [toy.look() for _ in range(10)] == [0] * 10
