"""What a user is told on a machine that cannot run the cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from devkube import preconditions
from devkube.preconditions import PROGRAMS, Machine, objection, packages

GOOD = Machine(system="Linux", uid=0, missing=(), has_apt=True)


def test_a_machine_that_has_everything_has_no_objection() -> None:
    assert objection(GOOD) is None


def test_what_apt_can_bring_is_no_objection() -> None:
    assert objection(Machine("Linux", 0, ("runc", "ip"), has_apt=True)) is None


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        pytest.param(
            Machine("Darwin", 501, (), has_apt=False), "this is Darwin", id="not on Linux"
        ),
        pytest.param(Machine("Linux", 1000, (), has_apt=True), "Run it with sudo", id="not root"),
        pytest.param(
            Machine("Linux", 0, ("runc",), has_apt=False),
            "install what Debian calls runc",
            id="nothing to install with",
        ),
        pytest.param(
            Machine("Linux", 0, ("busybox",), has_apt=False),
            "busybox (linked statically)",
            id="perhaps the other busybox is there",
        ),
    ],
)
def test_every_objection_says_what_and_points_elsewhere(machine: Machine, said: str) -> None:
    reason = objection(machine)
    assert reason is not None
    assert said in reason
    assert "docs/operations.md" in reason


def test_packages_are_named_once_each() -> None:
    everything = Machine("Linux", 0, tuple(PROGRAMS), has_apt=True)
    assert packages(everything) == sorted(set(PROGRAMS.values()))


STATIC = b"\x7fELF\x02\x01".ljust(64, b"\0")


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        pytest.param(STATIC, False, id="linked statically"),
        pytest.param(Path(sys.executable).read_bytes(), True, id="linked dynamically"),
    ],
)
def test_only_a_busybox_that_stands_alone_counts(
    content: bytes, missing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "busybox").write_bytes(content)
    (tmp_path / "busybox").chmod(0o755)
    monkeypatch.setattr(preconditions, "SEARCH_PATH", str(tmp_path))
    assert ("busybox" in Machine.look().missing) is missing
