"""The real cluster with the chart installed: ``make test`` sets it up, nothing here is faked."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.checkpoints import Checkpoint, input_rows, make
from bench.stage import Stage, stage

Figure = Callable[[str, str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the audit log says of the whole run is asked when the run is over."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


# What a person would ask the cluster for, to see why something did not happen.
ASKED = (
    ("get", "pods,replicasets,deployments,jobs", "--output=wide"),
    ("get", "events", "--sort-by=.lastTimestamp"),
    ("describe", "deployments"),
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed tells how its namespace was: afterwards it is gone."""
    report = yield
    if report.when == "call" and report.failed:
        for scene in getattr(item, "funcargs", {}).values():
            if isinstance(scene, Stage):
                report.sections += [(" ".join(asked), _said(scene, asked)) for asked in ASKED]
                break
    return report


def _said(scene: Stage, asked: tuple[str, ...]) -> str:
    try:
        return scene.cluster.kubectl(*asked)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)


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
