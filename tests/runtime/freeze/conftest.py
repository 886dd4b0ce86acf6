"""Each model is built once a session, and each freeze of it is shared by those who look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.web import Web
from fakes.web import web as web_servers

from frazil_runtime.freeze.request import FreezeRequest
from frazil_runtime.manifest import Manifest

Build = Callable[[Path], Path]


@pytest.fixture
def web() -> Iterator[Web]:
    """Web servers over folders."""
    with web_servers() as servers:
        yield servers


@dataclass(frozen=True)
class Artifact:
    """What a freeze wrote, and what it said on the way."""

    source: Path
    directory: Path
    manifest: Manifest
    progress: list[str]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Build], Path]:
    """The path of the model that a builder of fakes.published makes."""
    made: dict[Build, Path] = {}

    def build(builder: Build) -> Path:
        if builder not in made:
            made[builder] = builder(tmp_path_factory.mktemp(builder.__name__.strip("<>")))
        return made[builder]

    return build


@pytest.fixture(scope="session")
def frozen(
    built: Callable[[Build], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Artifact]:
    """The artifact of a builder's model; further arguments are fields of the FreezeRequest."""
    from frazil_runtime.freeze.convert import convert

    made: dict[str, Artifact] = {}

    def freeze(builder: Build, samples: Path | None = None, **fields: Any) -> Artifact:
        request = FreezeRequest("file:///model", **fields)
        key = f"{id(builder)} {samples} {request.to_json()}"
        if key not in made:
            source, directory = built(builder), tmp_path_factory.mktemp("artifact")
            said: list[str] = []
            manifest = convert(source, request, directory, said.append, samples)
            made[key] = Artifact(source, directory, manifest, said)
        return made[key]

    return freeze
