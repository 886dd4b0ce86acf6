"""Installing from Debian: programs come, services do not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from devkube import apt

OWN = "#!/bin/sh\nexit 104\n"


def test_meanwhile_services_are_denied_and_afterwards_all_is_as_before(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with apt.nothing_starts(policy):
        assert subprocess.run([policy, "containerd", "start"], check=False).returncode == 101
    assert not policy.exists()


def test_an_installation_that_fails_leaves_no_policy_behind(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with pytest.raises(RuntimeError), apt.nothing_starts(policy):
        raise RuntimeError
    assert not policy.exists()


def test_a_policy_of_the_machines_own_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(OWN)
    with apt.nothing_starts(policy):
        assert policy.read_text() == OWN
    assert policy.read_text() == OWN


def test_what_is_installed_does_not_start_now_nor_when_the_machine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, story = tmp_path / "policy-rc.d", tmp_path / "story"
    asked = f"[ -x {policy} ] && denied=denied"
    for name, line in {"apt-get": asked, "systemctl": ":"}.items():
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\n{line}\necho "{name} $* $denied" >> {story}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    apt.install(["containerd", "runc"], policy)

    assert [line.strip() for line in story.read_text().splitlines()] == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends containerd runc denied",
        "systemctl disable containerd.service",
    ]
