"""Pid 1 of a cluster: starts every part in order, buries the dead, and goes down as a whole."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from devkube import sandbox
from devkube.config import Cluster
from devkube.probe import answers
from devkube.units import Unit, units

Spawn = Callable[[Unit], int]


class Failure(Exception):  # noqa: N818 - it is the reason, not an error in the code
    """Why the cluster cannot go on."""


class Supervisor:
    """The state of a start. When pid 1 ends, the kernel ends everything else with it."""

    def __init__(self, parts: list[Unit], spawn: Spawn, say: Callable[[str], None]) -> None:
        self._waiting = list(parts)
        self._spawn, self._say = spawn, say
        self._running: dict[int, Unit] = {}
        self._probed: list[Unit] = []
        self._ready: set[str] = set()

    @property
    def settled(self) -> bool:
        """Everything was started, and is ready."""
        tasks = any(unit.task for unit in self._running.values())
        return not self._waiting and not self._probed and not tasks

    def advance(self, probe: Callable[[str], bool]) -> None:
        """Ask who is ready, and start whom that lets start."""
        for unit in [unit for unit in self._probed if probe(unit.probe)]:
            self._probed.remove(unit)
            self._now_ready(unit)
        for unit in [unit for unit in self._waiting if self._ready.issuperset(unit.after)]:
            self._waiting.remove(unit)
            self._start(unit)

    def buried(self, pid: int, status: int) -> None:
        """A process has ended. An orphan's end is of no interest; a part's end may be the end."""
        unit = self._running.pop(pid, None)
        if unit is None:
            return
        if not unit.task or status != 0:
            raise Failure(f"{unit.name} ended with status {status}: see {unit.name}.log")
        self._now_ready(unit)

    def _start(self, unit: Unit) -> None:
        self._running[self._spawn(unit)] = unit
        if unit.probe:
            self._probed.append(unit)
        elif not unit.task:
            self._now_ready(unit)

    def _now_ready(self, unit: Unit) -> None:
        self._ready.add(unit.name)
        self._say(f"{unit.name} {'done' if unit.task else 'up'}")


def spawner(cluster: Cluster) -> Spawn:
    """Start a part with a log file of its own."""

    def spawn(unit: Unit) -> int:
        with (cluster.logs / f"{unit.name}.log").open("a") as log:
            process = subprocess.Popen(
                unit.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        process.returncode = 0  # Pid 1 waits for everyone itself; Popen must not warn about it.
        return process.pid

    return spawn


def bury(supervisor: Supervisor, flags: int) -> None:
    """Reap every process that has ended, orphans too: nobody else would."""
    while True:
        try:
            pid, status = os.waitpid(-1, flags)
        except ChildProcessError:
            return
        if pid == 0:
            return
        supervisor.buried(pid, os.waitstatus_to_exitcode(status))


def serve(supervisor: Supervisor) -> None:
    """Bring everything up, then wait for an end."""
    while not supervisor.settled:
        supervisor.advance(answers)
        bury(supervisor, os.WNOHANG)
        time.sleep(0.03)
    bury(supervisor, 0)


def main() -> int:
    """Run as the first process of new mount, network and pid namespaces."""
    cluster = Cluster.from_environment(os.environ)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.1f} s  {text}", flush=True)

    try:
        sandbox.enter(cluster)
        os.chdir("/")
        serve(Supervisor(units(cluster), spawner(cluster), say))
    except Exception as failure:
        say(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
