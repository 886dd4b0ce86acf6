"""What others' autoscalers do, by small examples from their documentation and their tests."""

from __future__ import annotations

import pytest

from bench.autoscale.fleet import Seen
from bench.autoscale.hpa import Hpa, wanted
from bench.autoscale.knative import Kpa
from bench.autoscale.ray_serve import RayServe, desired

HPA: dict[str, tuple[int, list[float], int, float, int]] = {
    "twice the target: twice the pods": (2, [200.0, 200.0], 0, 100.0, 4),
    "half the target: half the pods": (2, [50.0, 50.0], 0, 100.0, 1),
    "not quite a tenth off is as good as the target": (10, [109.0] * 10, 0, 100.0, 10),
    "more than a tenth is not": (10, [111.0] * 10, 0, 100.0, 12),
    "rounded up": (3, [121.0] * 3, 0, 100.0, 4),
    "pods that start count as idle where more are called for": (3, [180.0, 180.0], 1, 100.0, 4),
    "and hold the size where that turns it round": (4, [120.0, 120.0], 2, 100.0, 4),
    "and for nothing where fewer are": (3, [40.0, 40.0], 1, 100.0, 1),
    "no metric, no change": (3, [], 3, 100.0, 3),
}


@pytest.mark.parametrize(("current", "values", "unready", "target", "pods"), HPA.values(), ids=HPA)
def test_how_many_pods_the_hpa_wants(
    current: int, values: list[float], unready: int, target: float, pods: int
) -> None:
    assert wanted(current, values, unready, target) == pods


def synced(busy: list[float], size: int, target: float = 0.5) -> list[int]:
    """The HPA's sizes at each sync; ``busy``: each pod's share between it and the one before."""
    policy, worked, sizes = Hpa("worked", target, 50), 0.0, []
    for number, share in enumerate([0.0, *busy]):
        worked += 15 * share
        pods = [Seen(name, worked=worked) for name in range(size)]
        size = policy(15.0 * number, size, pods)
        sizes.append(size)
    return sizes[1:]


def test_the_hpa_looks_every_15_seconds() -> None:
    policy = Hpa("worked", 0.5, 50)
    policy(15.0, 2, [Seen(0), Seen(1)])
    busy = [Seen(0, worked=15.0), Seen(1, worked=15.0)]
    assert policy(29.0, 2, busy) == 2
    assert policy(30.0, 2, busy) == 4


def test_the_hpa_adds_four_pods_at_once_or_as_many_as_there_are() -> None:
    assert synced([1.0], size=2, target=0.1) == [6]
    assert synced([1.0], size=10, target=0.1) == [20]


def test_the_hpa_takes_none_away_before_five_minutes_have_wanted_fewer() -> None:
    sizes = synced([0.0] * 20, size=8)
    assert sizes[:19] == [8] * 19
    assert sizes[19] == 1


class TestKpa:
    """Of one pod at a target of 1, where nothing else is said."""

    def test_the_stable_window_gives_the_size(self) -> None:
        assert Kpa(10.0, 50).scale(0.0, ready=2, long=25.0, short=25.0) == 3

    def test_no_more_than_half_go_at_once(self) -> None:
        assert Kpa(10.0, 50).scale(0.0, ready=10, long=10.0, short=10.0) == 5

    def test_twice_what_there_is_is_a_panic(self) -> None:
        assert Kpa(10.0, 50).scale(0.0, ready=1, long=10.0, short=20.0) == 2
        assert Kpa(10.0, 50).scale(0.0, ready=2, long=10.0, short=30.0) == 1, "3 / 2 is none"

    def test_in_a_panic_none_go_until_a_stable_window_has_passed(self) -> None:
        kpa = Kpa(10.0, 50)
        assert kpa.scale(0.0, ready=1, long=10.0, short=100.0) == 10
        assert kpa.scale(60.0, ready=10, long=50.0, short=10.0) == 10
        assert kpa.scale(62.0, ready=10, long=50.0, short=10.0) == 5

    def test_a_panic_that_is_called_for_again_lasts_on(self) -> None:
        kpa = Kpa(10.0, 50)
        kpa.scale(0.0, ready=1, long=10.0, short=100.0)
        assert kpa.scale(50.0, ready=1, long=10.0, short=20.0) == 10
        assert kpa.scale(62.0, ready=10, long=50.0, short=10.0) == 10

    def test_concurrency_is_averaged_over_the_seconds_and_asked_for_every_other(self) -> None:
        kpa = Kpa(1.0, 50)
        assert kpa(1.0, 2, [Seen(0, occupied=2.0), Seen(1, occupied=3.0)]) == 2
        assert kpa(2.0, 2, [Seen(0, occupied=3.0), Seen(1, occupied=5.0)]) == 4


def test_ray_serve_wants_as_many_as_bring_each_to_its_target() -> None:
    assert desired(ongoing=12.0, running=2, target=2.0) == 6
    assert desired(ongoing=1.0, running=4, target=2.0) == 1


def test_ray_serve_grows_after_30_seconds_that_call_for_it_in_a_row() -> None:
    ray = RayServe(2.0, 50)
    assert [ray.decide(2, 6) for _ in range(31)] == [2] * 30 + [6]
    assert [ray.decide(2, 6) for _ in range(30)][-1] == 2
    assert ray.decide(2, 2) == 2
    assert [ray.decide(2, 6) for _ in range(30)][-1] == 2, "it counts anew"


def test_ray_serve_shrinks_after_ten_minutes() -> None:
    ray = RayServe(2.0, 50)
    assert [ray.decide(6, 2) for _ in range(601)] == [6] * 600 + [2]


def test_ray_serve_hears_of_its_replicas_every_ten_seconds() -> None:
    ray = RayServe(1.0, 50)
    busy = [ray(float(second), 1, [Seen(0, occupied=3.0 * second)]) for second in range(1, 41)]
    assert busy == [1] * 39 + [3], "told at 10, and then 31 rounds"
