"""A real S3 server on loopback: versitygw over a folder, as the chart's embedded store."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from frazil_runtime import contract
from frazil_runtime.objects import open_source

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "tests", "only-for-these-tests"
_START_SECONDS = 30.0  # before a server that does not answer is given up


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own. ``folder`` is where the server keeps it: a file there is an object."""

    endpoint: str
    folder: Path

    @property
    def url(self) -> str:
        return f"s3://{self.folder.name}"

    @property
    def environ(self) -> dict[str, str]:
        """What a user sets who reads it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    @property
    def store_environ(self) -> dict[str, str]:
        """What a pod is given whose store it is."""
        return {
            contract.ENV_STORE_URL: self.url,
            contract.ENV_STORE_ENDPOINT: self.endpoint,
            contract.ENV_STORE_ACCESS_KEY_ID: KEY,
            contract.ENV_STORE_SECRET_ACCESS_KEY: SECRET,
        }

    def upload(self, directory: Path, prefix: str) -> str:
        """Put every file below ``directory`` under ``prefix``; returns their URL."""
        store = open_source(self.url, self.environ)
        for path in sorted(p for p in directory.rglob("*") if p.is_file()):
            store.put(f"{prefix}/{path.relative_to(directory)}", path)
        return f"{self.url}/{prefix}"


class Server:
    """The server; it makes buckets, each for one test."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.endpoint, self._folder, self._numbers = endpoint, folder, count()

    def bucket(self) -> Bucket:
        folder = self._folder / f"bucket-{next(self._numbers)}"
        folder.mkdir()
        return Bucket(self.endpoint, folder)


@contextmanager
def server(folder: Path, *options: str) -> Iterator[Server]:
    """Run versitygw over ``folder``; built first where the cache does not have it.

    ``options`` are further ones of the program, such as ``--iam-dir``.
    """
    tool = [str(ROOT / "devcluster" / "devcluster"), "tool", "versitygw"]
    binary = subprocess.run(tool, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = folder / "data"
    data.mkdir()
    command = [binary, "--port", f"127.0.0.1:{port}", "--quiet", *options, "posix", str(data)]
    account = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=os.environ | account, stdout=log, stderr=log) as process,
    ):
        try:
            _await_port(process, port, folder / "log")
            yield Server(f"http://127.0.0.1:{port}", data)
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
    raise RuntimeError(f"versitygw did not start: {log.read_text()}")
