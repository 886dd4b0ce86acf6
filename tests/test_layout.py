"""The checkout itself: what lies where, what is pinned, and what must never be written in it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "charts" / "frazil" / "templates").glob("*.[ty]*l"))
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# Installable on another machine, readable by anybody: no home of ours, no way to a registry.
FORBIDDEN = {
    "a path of the machine it was written on": re.compile(r"/(work|farm|root)/"),
    "the host of a package registry": re.compile(
        r"\b(pypi\.org|files\.pythonhosted\.org|proxy\.golang\.org|deb\.debian\.org|crates\.io)"
    ),
}


@pytest.mark.parametrize("folder", ["operator", "tests/operator", "runtime", "tests/runtime"])
def test_no_folder_shadows_a_module_of_the_standard_library(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_wheel_holds_both_packages_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == _tracked("operator") | _tracked("runtime")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_the_chart_puts_into_yaml_stays_a_string(template: Path) -> None:
    """A cluster called 2024 or true is a string to the schema, and would be none to YAML."""
    scalars = re.findall(r": {{-? ([^}]*) -?}}(?=[,}\n])", template.read_text())
    assert [s for s in scalars if not re.search("quote|toYaml|toJson|nindent", s)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_file_pins_and_hashes_all_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    for entry in _entries(text):
        assert re.match(r"[a-z0-9.\[\],-]+==[^ ]+ ", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        *((x, PYPROJECT["project"]["optional-dependencies"][x]) for x in ("operator", "runtime")),
        ("freeze", PYPROJECT["project"]["optional-dependencies"]["freeze"]),
        ("build", PYPROJECT["dependency-groups"]["build"]),
        ("go", PYPROJECT["dependency-groups"]["go"]),
        ("clients", PYPROJECT["dependency-groups"]["clients"]),
        ("dev", [x for x in PYPROJECT["dependency-groups"]["dev"] if isinstance(x, str)]),
    ],
)
def test_a_lock_file_is_as_fresh_as_pyproject(lock: str, wanted: list[str]) -> None:
    pins = _pins(lock)
    for requirement in map(Requirement, wanted):
        versions = pins.get(requirement.name, set())
        assert versions, f"{requirement.name} is not locked: run `make lock`"
        assert all(requirement.specifier.contains(v) for v in versions), f"{requirement}: make lock"


@pytest.mark.parametrize("lock", ["operator", "runtime", "freeze", "build"])
def test_what_is_tested_is_what_the_images_carry(lock: str) -> None:
    dev = _pins("dev")
    assert {name: dev.get(name) for name in _pins(lock)} == _pins(lock)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    assert [line for line in _lines() if FORBIDDEN[what].search(line)] == []


def _lines() -> Iterator[str]:
    """Every line of every tracked file, after the file's name."""
    for name in subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0"):
        if (file := ROOT / name).is_file():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                yield f"{name}: {line.strip()[:200]}"


def _entries(lock: str) -> list[str]:
    """The requirements of a lock file, each with its hashes on one line."""
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", "").splitlines() if line.strip()]


def _pins(lock: str) -> dict[str, set[str]]:
    """Name → versions; there may be one for each of several Pythons."""
    pins: dict[str, set[str]] = {}
    for entry in _entries((ROOT / "requirements" / f"{lock}.lock").read_text()):
        name, _, rest = entry.partition("==")
        pins.setdefault(name.partition("[")[0], set()).add(rest.split()[0])
    return pins


def _tracked(folder: str) -> set[str]:
    """The files below a folder that belong to the checkout, relative to it."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."]
    names = subprocess.check_output(listed, cwd=ROOT / folder, text=True).split("\0")
    return {name for name in names if name and (ROOT / folder / name).is_file()}
