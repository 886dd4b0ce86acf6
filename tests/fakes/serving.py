"""A real `frazil` process; one that serves has ports of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fakes.crash import RUNTIME

SECONDS = 120.0  # after which a process that hangs is killed, so that the test fails


@dataclass
class Serving:
    """The process and what it has said so far; waiting for a line is waiting for the event."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read stderr up to the first line that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line has {pattern!r}: {self.lines}")

    def address(self, what: str) -> str:
        """The base URL in the line that begins so: "probes and metrics" or "listening"."""
        return f"http://{self.wait_for(rf'INFO {what} on (.+)')[1]}"

    def end(self) -> int:
        """The exit code, all lines read."""
        assert self.process.stderr is not None
        self.lines += self.process.stderr.read().splitlines()
        return self.process.wait()


@contextmanager
def serving(
    artifact: object,
    *flags: str,
    prefix: Sequence[str] = (),
    seconds: float = SECONDS,
    **environ: str,
) -> Iterator[Serving]:
    """Start `frazil serve ARTIFACT` on free ports of 127.0.0.1; killed at the end of the block."""
    ports = ("--host=127.0.0.1", "--http-port=0", "--admin-port=0")
    command = ("serve", str(artifact), *ports, *flags)
    with frazil(*command, prefix=prefix, seconds=seconds, **environ) as server:
        yield server


@contextmanager
def frazil(
    *arguments: str,
    prefix: Sequence[str] = (),
    stdout: int | None = None,
    seconds: float = SECONDS,
    **environ: str,
) -> Iterator[Serving]:
    """Start `frazil`; killed at the end of the block, and after so many seconds."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "frazil_runtime", *arguments],
        env=os.environ | {"PYTHONPATH": str(RUNTIME)} | environ,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        yield Serving(process)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()
