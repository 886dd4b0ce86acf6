"""A server as a process: started, asked, ended. What it takes of the machine is read from /proc."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bench.cluster import ROOT
from bench.engine.models import BUILD
from frazil_runtime import contract

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0  # seconds for a server to become one
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TOKEN: Final = "bench"


@dataclass(frozen=True, slots=True)
class Process:
    """A server that answers; ``started`` is of the monotonic clock, in seconds."""

    child: subprocess.Popen[bytes]
    port: int
    admin: int
    started: float

    @property
    def url(self) -> str:
        """Of its HTTP port."""
        return f"http://{HOST}:{self.port}"

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, in user and in system mode."""
        _, _, fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / _TICKS

    def memory(self, field: str) -> int:
        """Bytes that /proc/PID/status has under VmRSS, RssAnon, ..."""
        text = Path(f"/proc/{self.child.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
        assert found is not None, field
        return int(found[1]) * 1024

    def ask(
        self, method: str, path: str, body: bytes = b"", *, admin: bool = False, **headers: str
    ) -> tuple[int, Any]:
        """Status and document (None where it is none) of one answer, over its own connection."""
        port = self.admin if admin else self.port
        connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, orjson.loads(text) if text[:1] in b"{[" else None

    def change(self, policy: contract.Policy) -> None:
        """Have it follow another policy."""
        status, _ = self.ask(
            *("POST", contract.POLICY_PATH, policy.to_json().encode()),
            admin=True,
            Authorization=f"Bearer {_TOKEN}",
        )
        assert status == 200, status

    def wait_for(self, path: str, body: bytes = b"") -> float:
        """Ask until the answer is 200; seconds from the start to it."""
        while time.monotonic() - self.started < PATIENCE and self.child.poll() is None:
            try:
                status, _ = self.ask("POST" if body else "GET", path, body)
                if status == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass  # the port is opened when it can answer
            time.sleep(0.002)
        raise RuntimeError(f"no answer from {self.child.args!r}: see the logs in {BUILD}")


def machine_cpu() -> float:
    """Seconds of CPU that the whole machine has used."""
    user, nice, system, _, _, *interrupts = (
        int(text) for text in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts)) / _TICKS


@contextmanager
def frazil(
    models: Sequence[str], policy: contract.Policy | None = None, *, changes: bool = False
) -> Iterator[Process]:
    """`frazil serve` with its defaults, but where ``policy`` says otherwise; not yet ready.

    ``models`` are NAME=ARTIFACT. With ``changes`` it may be told another policy.
    """
    flags = [f"--model={model}" for model in models]
    if policy is not None:
        file = BUILD / "policy.json"
        file.write_text(policy.to_json())
        flags.append(f"--policy={file}")
    environ = _malloc()
    if changes:
        token = BUILD / "token"
        token.write_text(_TOKEN)
        environ[contract.ENV_TOKEN_FILE] = str(token)
    port, admin = _free_port(), _free_port()
    flags += [f"--host={HOST}", f"--http-port={port}", f"--admin-port={admin}", "--grpc-port=0"]
    with _running(["frazil_runtime", "serve", *flags], environ, port, admin) as process:
        yield process


@contextmanager
def bare(name: str, artifact: Path) -> Iterator[Process]:
    """`bench.engine.bare` with one model; not yet ready."""
    port = _free_port()
    command = ["bench.engine.bare", name, str(artifact), str(port)]
    with _running(command, {}, port, 0) as process:
        yield process


@contextmanager
def _running(
    command: Sequence[str], environ: dict[str, str], port: int, admin: int
) -> Iterator[Process]:
    paths = os.pathsep.join([str(ROOT / "runtime"), str(ROOT)])
    with (BUILD / f"{command[0]}.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | {"PYTHONPATH": paths} | environ,
            stderr=log,
        )
    try:
        yield Process(child, port, admin, time.monotonic())
    finally:
        child.kill()
        child.wait()


def _malloc() -> dict[str, str]:
    """The environment in which a process has the image's malloc, where this machine has it."""
    if name := find_library("jemalloc"):
        return {"LD_PRELOAD": name}
    print("without jemalloc: install Debian's libjemalloc2", file=sys.stderr)
    return {}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
        return port
