"""What `scripts/prepare` asks of Debian, on machines that lack one thing or another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "prepare"
BASH = shutil.which("bash") or "bash"
COMPLETE = {"git": "", "make": "", "python3.11": "", "apt-get": 'echo "$@"', "id": "echo 0"}


def prepare(folder: Path, machine: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it where these programs, each a line of shell, are all there is."""
    for name, line in machine.items():
        (folder / name).write_text(f"#!{BASH}\n{line}\n")
        (folder / name).chmod(0o755)
    command = [BASH, SCRIPT, "python3.11"]
    return subprocess.run(
        command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def without(name: str) -> dict[str, str]:
    return {program: line for program, line in COMPLETE.items() if program != name}


@pytest.mark.parametrize(
    ("machine", "packages"),
    [
        pytest.param(COMPLETE, set(), id="nothing is missing"),
        pytest.param(without("git"), {"git"}, id="no git"),
        pytest.param(without("make"), {"make"}, id="no make"),
        pytest.param(without("python3.11"), {"python3.11", "python3.11-venv"}, id="no Python"),
        pytest.param(
            COMPLETE | {"python3.11": "exit 1"},
            {"python3.11", "python3.11-venv"},
            id="Debian's Python without its module for environments",
        ),
    ],
)
def test_what_is_missing_is_installed(
    machine: dict[str, str], packages: set[str], tmp_path: Path
) -> None:
    done = prepare(tmp_path, machine)
    assert done.returncode == 0, done.stderr
    words = [word for line in done.stdout.splitlines()[1:] for word in line.split()[1:]]
    asked = {word for word in words if not word.startswith("-")}
    # Where certificates are is not Debian's place everywhere.
    assert asked - {"ca-certificates"} == packages


def test_who_is_not_root_is_told_what_to_install(tmp_path: Path) -> None:
    done = prepare(tmp_path, without("git") | {"id": "echo 1000"})
    assert done.returncode == 1
    assert "`apt-get install git" in done.stderr
    assert done.stdout == ""


def test_a_machine_that_is_no_debian_is_left_to_its_own(tmp_path: Path) -> None:
    assert prepare(tmp_path, without("apt-get")).returncode == 0
