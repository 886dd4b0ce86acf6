"""A process is known by its number and its start: numbers are used again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from devkube.process import Process


def test_a_saved_process_is_found_while_it_lives(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid)
        assert process is not None
        process.save(file)
        assert Process.load(file) == process
        child.kill()
    assert Process.load(file) is None


def test_a_later_process_with_the_same_number_is_another(tmp_path: Path) -> None:
    mine = Process.of(os.getpid())
    assert mine is not None
    Process(mine.pid, mine.started - 1).save(tmp_path / "pid")
    assert Process.load(tmp_path / "pid") is None


def test_a_file_that_is_absent_or_half_written_is_no_process(tmp_path: Path) -> None:
    assert Process.load(tmp_path / "pid") is None
    (tmp_path / "pid").write_text('{"pid": 1')
    assert Process.load(tmp_path / "pid") is None


def test_a_file_that_only_root_may_read_is_no_process(root_only: Path) -> None:
    assert Process.load(root_only / "pid") is None
