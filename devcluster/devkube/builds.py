"""The programs that Debian does not have: built once, kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devkube.node import NodeProgram
from devkube.problem import Problem
from devkube.shell import run, say

HERE = Path(__file__).resolve().parent.parent
KUBERNETES_VERSION = "v1.34.4"
_STAMP = "k8s.io/component-base/version"
_STRIP = "-s -w"
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)


@dataclass(frozen=True)
class Program:
    """A Go program: `package` is built in the module `module`, or installed by its version."""

    name: str
    package: str
    version: str
    module: str | None = None
    ldflags: str = _STRIP
    aliases: tuple[str, ...] = ()
    takes: str = "2 min"

    def key(self) -> str:
        """What the cache knows it by: another version or another line of source is another key."""
        digest = hashlib.sha256(f"{self.package}@{self.version} {self.ldflags}".encode())
        for file in self._sources():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def make(self, into: Path) -> None:
        """Build it into a folder."""
        _require_go()
        _compile(self, into)
        for alias in self.aliases:
            (into / alias).symlink_to(self.name)

    def _sources(self) -> list[Path]:
        if self.module is None:
            return []
        folder = HERE / self.module
        return sorted(file for file in folder.iterdir() if file.suffix in {".go", ".mod", ".sum"})

    def argv(self, into: Path) -> list[str]:
        """The `go` command that puts the program into a folder."""
        flags = ["-v", "-trimpath", f"-ldflags={self.ldflags}"]
        if self.module is None:
            return ["go", "install", *flags, f"{self.package}@{self.version}"]
        return ["go", "build", *flags, "-o", str(into / self.name), self.package]


PROGRAMS: dict[str, Program | NodeProgram] = {
    program.name: program
    for program in (
        Program(
            "kubernetes",
            ".",
            KUBERNETES_VERSION,
            module="kube",
            ldflags=f"{_STRIP} -X {_STAMP}.gitVersion={KUBERNETES_VERSION} "
            f"-X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor=34",
            aliases=COMPONENTS,
            takes="6 to 9 min on two cores",
        ),
        Program("coredns", ".", "v1.13.1", module="coredns", takes="1 min"),
        Program(
            "local-path-provisioner",
            "github.com/rancher/local-path-provisioner",
            "v0.0.30",
            module="provisioner",
            takes="1 min",
        ),
        Program("helm", "helm.sh/helm/v3/cmd/helm", "v3.19.5"),
        Program("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"),
        # A server of az:// for the tests.
        NodeProgram("azurite", "3.35.0", "azurite", "azurite/dist/src/blob/main.js"),
    )
}
NEEDED_TO_RUN = ("kubernetes", "coredns", "local-path-provisioner")
TOOLS = {
    "azurite": ("azurite", "azurite"),
    "helm": ("helm", "helm"),
    "kubectl": ("kubernetes", "kubectl"),
    "versitygw": ("versitygw", "versitygw"),
}


def tool(name: str, cache: Path) -> Path:
    """The path of a program for the user, built if need be."""
    program, file = TOOLS[name]
    return build(PROGRAMS[program], cache) / file


def build(program: Program | NodeProgram, cache: Path) -> Path:
    """The folder that holds the program; built unless it is there."""
    folder = cache / program.key()
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one(cache):
        if not folder.is_dir():
            _build_into(program, folder)
    return folder


def _build_into(program: Program | NodeProgram, folder: Path) -> None:
    say(f"Building {program.name} {program.version} ({program.takes} where nothing is cached)")
    started = time.monotonic()
    # Beside its target, so that the rename is atomic: half a build is never taken for one.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        into = Path(scratch) / "out"
        into.mkdir()
        program.make(into)
        into.rename(folder)
    say(f"Built {program.name} in {time.monotonic() - started:.0f} s")


def _compile(program: Program, into: Path) -> None:
    env = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(into), "GOFLAGS": "-buildvcs=false"}
    started = time.monotonic()
    with subprocess.Popen(
        program.argv(into),
        cwd=HERE / (program.module or "."),
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as go:
        lines = _Progress(program.name, started)
        assert go.stderr is not None
        for line in go.stderr:
            lines.add(line)
        lines.stop()
    if go.returncode:
        raise Problem(f"go could not build {program.name} ({program.package}):\n{lines.tail()}")


class _Progress:
    """Counts the packages that `go build -v` names and tells every 15 s how far it is."""

    def __init__(self, name: str, started: float) -> None:
        self._name, self._started = name, started
        self._lines: list[str] = []
        self._done = threading.Event()
        threading.Thread(target=self._tell, daemon=True).start()

    def add(self, line: str) -> None:
        self._lines.append(line)

    def stop(self) -> None:
        self._done.set()

    def tail(self) -> str:
        return "".join(self._lines[-15:])

    def _tell(self) -> None:
        while not self._done.wait(15):
            seconds = time.monotonic() - self._started
            packages = sum(not line.startswith("go: ") for line in self._lines)
            say(f"  {self._name}: {packages} packages compiled, {seconds:.0f} s")


def _require_go() -> None:
    found = run(["go", "env", "GOVERSION"]).strip() if shutil.which("go") else ""
    reason = objection(found)
    if reason:
        raise Problem(reason)


def objection(go: str) -> str | None:
    """Why a Go of this version (`go env GOVERSION`; empty: there is none) cannot build, or None."""
    number = re.match(r"go1\.(\d+)", go)
    # What has no number is a build of Go's own developers: they know.
    if go and (number is None or int(number[1]) >= 25):
        return None
    return (
        (f"This Go is too old: {go}. " if go else "Go is missing: `go` is not on the PATH. ")
        + "Install Go 1.25 or later as https://go.dev/doc/install says (Debian 12's is older), "
        "then run this again."
    )


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Two builds at once would do the same six minutes of work twice."""
    with (cache / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another build on this machine", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
