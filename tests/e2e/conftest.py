"""The real cluster with the chart installed: ``make test`` sets it up, nothing here is faked."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.checkpoints import Checkpoint, input_rows, make
from bench.stage import Stage, stage

Figure = Callable[[str, str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the audit log says of the whole run is asked when the run is over."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often a scenario repeats: 3 in a test, 20 when it is measured."""
    return int(os.environ.get("FRAZIL_ROUNDS", "3"))


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    return input_rows()


@pytest.fixture(scope="session")
def checkpoints(
    tmp_path_factory: pytest.TempPathFactory, rounds: int, rows: np.ndarray
) -> list[Checkpoint]:
    return make(tmp_path_factory.mktemp("checkpoints"), rounds + 2, rows)


@pytest.fixture(scope="module")
def scene(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    checkpoints: list[Checkpoint],
    rows: np.ndarray,
) -> Iterator[Stage]:
    """A namespace of its own for each file of tests."""
    area = request.module.__name__.rsplit("test_", 1)[-1].replace("_", "-")
    namespace = f"e2e-{area}-{secrets.token_hex(2)}"
    with stage(namespace, checkpoints, rows, tmp_path_factory.mktemp(area)) as ready:
        yield ready


@pytest.fixture(scope="session")
def figure() -> Figure:
    """Write one measured figure down where FRAZIL_FIGURES says; a test alone keeps none."""
    path = os.environ.get("FRAZIL_FIGURES")

    def note(row: str, value: str) -> None:
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"row": row, "value": value}) + "\n")

    return note
