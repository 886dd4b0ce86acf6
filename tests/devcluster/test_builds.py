"""The cache of built programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from devkube import builds
from devkube.problem import Problem

PROGRAM = builds.Program("tool", "example.org/tool", "v1", module="tool")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(builds, "HERE", tmp_path)
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "main.go").write_text("package main")
    return folder


def test_another_line_of_source_is_another_key(sources: Path) -> None:
    before = PROGRAM.key()
    (sources / "README.md").write_text("Words change no program.")
    assert PROGRAM.key() == before
    (sources / "main.go").write_text("package main // changed")
    assert PROGRAM.key() != before


def test_what_is_in_the_cache_is_not_built(sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / PROGRAM.key()
    folder.mkdir(parents=True)
    assert builds.build(PROGRAM, tmp_path / "cache") == folder


def test_without_go_the_user_learns_where_to_get_it(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match=r"go\.dev/doc/install"):
        builds.build(PROGRAM, tmp_path / "cache")


@pytest.mark.parametrize(
    ("go", "said"),
    [
        pytest.param("", "Go is missing", id="none"),
        pytest.param("go1.19.8", "too old: go1.19.8", id="Debian 12's"),
        pytest.param("go1.24.9", "too old: go1.24.9", id="one before the oldest that will do"),
    ],
)
def test_a_go_that_cannot_build_is_told_apart(go: str, said: str) -> None:
    reason = builds.objection(go)
    assert reason is not None
    assert said in reason
    assert "Go 1.25 or later" in reason


@pytest.mark.parametrize("go", ["go1.25.0", "go1.26.6", "go1.27rc1", "devel go1.28-3f0f0a1"])
def test_a_go_that_can_build_has_no_objection(go: str) -> None:
    assert builds.objection(go) is None


def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f'#!/bin/sh\n[ "$1" = env ] && echo go1.25.0 && exit\n{script}\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")


def test_a_failed_build_tells_what_the_compiler_said_and_leaves_nothing(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, monkeypatch, "echo main.go: no such thing >&2; exit 1")
    with pytest.raises(Problem, match=r"main\.go: no such thing"):
        builds.build(PROGRAM, tmp_path / "cache")
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_build_lands_in_the_cache_under_its_key(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, monkeypatch, 'while [ "$1" != -o ]; do shift; done; echo built > "$2"')
    folder = builds.build(PROGRAM, tmp_path / "cache")
    assert folder.name == PROGRAM.key()
    assert (folder / "tool").read_text() == "built\n"
