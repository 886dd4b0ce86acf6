"""A server that is a program of its own, on loopback, for the length of a block."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0  # before a server that does not answer is given up


def tool(name: str) -> str:
    """The path of a program that the devcluster knows; made first where the cache lacks it."""
    command = [str(ROOT / "devcluster" / "devcluster"), "tool", name]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], port: int, log: Path
) -> Iterator[None]:
    """Run ``command``, which listens on ``port``, from when it does until the block ends."""
    with (
        log.open("w") as file,
        subprocess.Popen(command, env=os.environ | environ, stdout=file, stderr=file) as process,
    ):
        try:
            _await_port(process, port, log)
            yield
        finally:
            process.terminate()


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)  # nothing tells when it listens
        else:
            return
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()}")
