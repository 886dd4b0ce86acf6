"""The command line: what it takes and what it prints, without a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from devkube import cli


@pytest.mark.parametrize(
    "words",
    [
        ["up"],
        ["down"],
        ["status"],
        ["kubeconfig"],
        ["audit-log"],
        ["prepare"],
        ["base-image"],
        ["push", "localhost/app:1"],
        ["tool", "helm"],
        ["tool", "kubectl"],
        ["tool", "versitygw"],
    ],
    ids=" ".join,
)
def test_every_command_is_understood(words: list[str]) -> None:
    assert callable(cli.parser().parse_args(words).command)


@pytest.mark.parametrize("words", [[], ["sideways"], ["push"], ["tool", "hammer"]], ids=str)
def test_what_is_no_command_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parser().parse_args(words)
    assert ended.value.code == 2


def test_a_programs_own_options_are_left_to_it() -> None:
    arguments = cli.parser().parse_args(["netns", "--", "curl", "-s", "--help"])
    assert arguments.argv[-3:] == ["curl", "-s", "--help"]


def test_paths_are_printed_alone(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, script, "audit-log"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "/var/lib/frazil-devcluster/log/audit.log\n"


def test_it_needs_nothing_but_the_systems_python(script: Path) -> None:
    # -I -S: no site-packages, no PYTHONPATH; a third-party import would fail here.
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_runs_with_the_python_that_make_uses_wherever_that_is(
    script: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python3.11"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([script, "status"], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{script} status\n"


def test_a_problem_is_words_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAZIL_DEVCLUSTER_NAME", "No Name")
    assert cli.main(["kubeconfig"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("devcluster: FRAZIL_DEVCLUSTER_NAME='No Name' is not a name")
