"""Each model is built once a session; each freeze of it is shared by the tests that look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Build = Callable[[Path], Path]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Build], Path]:
    """The path of the model a builder of fakes.models makes."""
    made: dict[Build, Path] = {}

    def build(builder: Build) -> Path:
        if builder not in made:
            made[builder] = builder(tmp_path_factory.mktemp(builder.__name__))
        return made[builder]

    return build
