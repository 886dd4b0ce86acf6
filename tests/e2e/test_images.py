"""The images: small, without a tool chain, and nobody's root."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster import ROOT

pytestmark = pytest.mark.e2e

MEGABYTES = {"operator": 400, "runtime": 1000}
OURS = ("operator", "runtime", "freezer")
TOOL_CHAIN = {"gcc", "g++", "cc", "c++", "cpp", "ld", "as", "strip", "make", "go", "uv"}


@pytest.fixture(scope="module")
def images() -> dict[str, tuple[str, float]]:
    """Name → image, megabytes unpacked. Builds nothing: the chart's installation did."""
    lines = subprocess.check_output([ROOT / "scripts" / "images"], text=True).splitlines()
    units = {"MB": 1, "GB": 1000}
    rows = [line.split() for line in lines]
    return {name: (image, float(size) * units[unit]) for name, image, size, unit in rows}


@pytest.fixture(scope="module")
def roots(images: dict[str, tuple[str, float]]) -> Iterator[dict[str, Path]]:
    """Name → the image's root file system."""
    containers = {name: buildah("from", "--pull-never", images[name][0]) for name in OURS}
    yield {name: Path(buildah("mount", container)) for name, container in containers.items()}
    buildah("rm", *containers.values())


@pytest.mark.parametrize("name", MEGABYTES)
def test_an_image_is_small(images: dict[str, tuple[str, float]], name: str) -> None:
    assert images[name][1] < MEGABYTES[name]


@pytest.mark.parametrize("name", OURS)
def test_an_image_runs_as_nobody(images: dict[str, tuple[str, float]], name: str) -> None:
    inspected = json.loads(buildah("inspect", "--type", "image", images[name][0]))
    assert inspected["OCIv1"]["config"]["User"] == "65532:65532"


@pytest.mark.parametrize("name", OURS)
def test_no_tool_chain_is_inside(roots: dict[str, Path], name: str) -> None:
    folders = ("usr/bin", "usr/local/bin", "opt/frazil/venv/bin", "opt/frazil/app/bin")
    names = {file.name for folder in folders for file in (roots[name] / folder).glob("*")}
    assert names & TOOL_CHAIN == set()
    assert not (roots[name] / "opt/frazil/venv/bin/pip").exists()


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(
    "left", ["root/.cache/*", "tmp/*", "src", "opt/build", "etc/pip.conf", "run/secrets/*"]
)
def test_nothing_of_the_build_is_left(roots: dict[str, Path], name: str, left: str) -> None:
    assert list(roots[name].glob(left)) == []


@pytest.mark.parametrize("name", OURS)
def test_every_module_is_compiled(roots: dict[str, Path], name: str) -> None:
    modules = list(roots[name].glob("opt/frazil/app/frazil_*/**/*.py"))
    assert modules
    for module in modules:
        assert list(module.parent.glob(f"__pycache__/{module.stem}.cpython-*.pyc")), module


def test_only_the_freezer_has_the_tensorflow_package(roots: dict[str, Path]) -> None:
    package = "opt/frazil/venv/lib/python3*/site-packages/tensorflow/__init__.py"
    assert {name for name in OURS if list(roots[name].glob(package))} == {"freezer"}


def test_the_runtime_has_tensorflow_s_two_libraries(roots: dict[str, Path]) -> None:
    libraries = {file.name for file in (roots["runtime"] / "opt/frazil/lib").iterdir()}
    assert libraries == {"libtensorflow_cc.so.2", "libtensorflow_framework.so.2"}


def buildah(*arguments: str) -> str:
    """What buildah prints."""
    return subprocess.check_output(["buildah", *arguments], text=True).strip()
