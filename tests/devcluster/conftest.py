"""The devcluster's code lies beside its script, not in a package that is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "devcluster"
sys.path.insert(0, str(FOLDER))

from devkube.config import Cluster  # noqa: E402


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A cluster on paper: nothing of it exists but the folder it would use."""
    return Cluster("paper", tmp_path / "state", tmp_path / "cache")


@pytest.fixture
def root_only(tmp_path: Path) -> Iterator[Path]:
    """A cluster's state folder as another user meets it, while the test is that user."""
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "pid").write_text('{"pid": 1, "started": 0}')
    folder.chmod(0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(me)
    folder.chmod(0o700)


@pytest.fixture(scope="session")
def script() -> Path:
    """The command itself."""
    return FOLDER / "devcluster"
