"""Names, addresses and places that follow from a cluster's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from devkube.config import Cluster
from devkube.problem import Problem


def test_without_settings_the_usual_places_are_used() -> None:
    cluster = Cluster.from_environment({"HOME": "/home/ada"})
    assert cluster.state == Path("/var/lib/frazil-devcluster")
    assert cluster.cache == Path("/home/ada/.cache/frazil")
    assert cluster.registry == f"{cluster.node_ip}:5000"


def test_the_cache_can_be_elsewhere() -> None:
    assert Cluster.from_environment({"FRAZIL_CACHE": "/big/cache"}).cache == Path("/big/cache")


def test_two_clusters_share_nothing() -> None:
    first = Cluster.from_environment({})
    second = Cluster.from_environment({"FRAZIL_DEVCLUSTER_NAME": "other"})
    for what in ("state", "node_ip", "host_ip", "link", "cgroup", "registry", "kubeconfig"):
        assert getattr(first, what) != getattr(second, what), what


def test_the_longest_name_still_makes_an_interface() -> None:
    cluster = Cluster.from_environment({"FRAZIL_DEVCLUSTER_NAME": "a" * 20})
    assert len(cluster.link) <= 15


@pytest.mark.parametrize("name", ["../etc", "A", "1", "a b", "a" * 21, "a/b"])
def test_a_name_that_is_no_name_is_refused_with_what_one_is(name: str) -> None:
    with pytest.raises(Problem, match="use at most 20"):
        Cluster.from_environment({"FRAZIL_DEVCLUSTER_NAME": name})
