"""Programs that are written for Node.js."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from devkube import builds, node
from devkube.problem import Problem

AZURITE = builds.PROGRAMS["azurite"]
LOCKS = ("package.json", "package-lock.json")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> node.NodeProgram:
    """One without packages, whose Node.js is a shell script."""
    monkeypatch.setattr(node, "HERE", tmp_path)
    monkeypatch.setattr(node, "_NODE_LOCK", tmp_path / "node.lock")
    (tmp_path / "tool").mkdir()
    for name in LOCKS:
        (tmp_path / "tool" / name).write_text("{}")
    (tmp_path / "node.lock").write_text("")
    return node.NodeProgram("tool", "1", "tool", "tool/main.js")


@pytest.mark.parametrize("file", ["node.lock", *(f"tool/{name}" for name in LOCKS)])
def test_another_lock_is_another_key(program: node.NodeProgram, tmp_path: Path, file: str) -> None:
    before = program.key()
    (tmp_path / file).write_text("changed")
    assert program.key() != before


def test_what_cannot_be_installed_leaves_nothing(program: node.NodeProgram, tmp_path: Path) -> None:
    (tmp_path / "node.lock").write_text("what-has-no-hash==1")
    with pytest.raises(Problem, match="--require-hashes"):
        builds.build(program, tmp_path / "cache")
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [".lock"]


def test_the_version_is_the_locked_one() -> None:
    lock = json.loads((node.HERE / "azurite" / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/azurite"]["version"] == AZURITE.version


def test_every_locked_package_has_its_digest_and_no_registry() -> None:
    lock = json.loads((node.HERE / "azurite" / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


@pytest.mark.integration
def test_azurite_runs_where_there_is_no_node(script: Path) -> None:
    tool = subprocess.run([script, "tool", "azurite"], check=True, capture_output=True, text=True)
    command = [tool.stdout.strip(), "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={})
    assert re.search(rf"^{re.escape(AZURITE.version)}$", done.stdout, re.M)
