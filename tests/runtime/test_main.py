"""The `frazil` command itself; its subcommands have tests of their own."""

from __future__ import annotations

import re

import pytest
from fakes.crash import run_python

from frazil_runtime.__main__ import main


def test_version_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert re.fullmatch(r"frazil \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_names_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert re.findall(r"^    ([\w-]+)", capsys.readouterr().out, re.MULTILINE) == [
        "serve",
        "freeze",
        "freeze-stage",
        "run",
        "inspect",
        "predict",
        "bench",
        "top",
        "version",
    ]


def test_the_command_line_is_read_before_anything_slow_is_imported() -> None:
    slow = "{'numpy', 'asyncio', 'httptools', 'obstore', 'rich', 'tensorflow'}"
    code = f"import sys, frazil_runtime.__main__; assert not {slow} & set(sys.modules)"
    result = run_python(code)
    assert result.returncode == 0, result.stderr
