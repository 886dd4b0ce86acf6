"""Up, without a cluster: what must hold before anything is looked at."""

from __future__ import annotations

import pytest
from devkube import lifecycle
from devkube.config import Cluster
from devkube.problem import Problem


@pytest.mark.usefixtures("root_only")
def test_who_is_not_root_is_told_so_whether_a_cluster_runs_or_not(cluster: Cluster) -> None:
    with pytest.raises(Problem, match="needs root"):
        lifecycle.up(cluster)
