"""The devcluster's code lies beside its script, not in a package that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "devcluster"
sys.path.insert(0, str(FOLDER))

from devkube.config import Cluster  # noqa: E402


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A cluster on paper: nothing of it exists but the folder it would use."""
    return Cluster("paper", tmp_path / "state", tmp_path / "cache")


@pytest.fixture(scope="session")
def script() -> Path:
    """The command itself."""
    return FOLDER / "devcluster"
