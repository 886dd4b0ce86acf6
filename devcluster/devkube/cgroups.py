"""The control groups that hold every process of a cluster, in cgroup v1, hybrid and v2."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# Of the CPU under contention, against 1024 for any single process outside: a busy machine
# (a build beside the tests) must not starve a whole cluster as if it were one process.
_TOP_SHARES = 8192
SHARES = {"system": 4096, "clients": 2048}


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Where groups can be made: one a controller in v1, one for all in v2."""
    if (root / "cgroup.procs").exists():
        return [root]
    return sorted(folder for folder in root.iterdir() if (folder / "cgroup.procs").exists())


def prepare(name: str) -> None:
    """Make the group and those below it that we fill; pods get theirs from the kubelet."""
    for hierarchy in hierarchies():
        _delegate(hierarchy)
        _make(hierarchy / name, _TOP_SHARES)
        _delegate(hierarchy / name)
        for part, shares in SHARES.items():
            _make(hierarchy / name / part, shares)


def join(name: str, part: str) -> None:
    """Move this process, and so all it will start, into a group."""
    for hierarchy in hierarchies():
        (hierarchy / name / part / "cgroup.procs").write_text(str(os.getpid()))


def members(name: str) -> set[int]:
    """Every process in the group or below it."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name):
            with contextlib.suppress(OSError):
                text = Path(folder, "cgroup.procs").read_text()
                # Processes of other pid namespaces, which we cannot see, read as 0.
                found |= {int(pid) for pid in text.split()} - {0}
    return found


def kill(name: str, patience: float = 10) -> set[int]:
    """Kill every process in the group; what is left after a while is returned."""
    end = time.monotonic() + patience
    while left := members(name):
        if time.monotonic() > end:
            return left
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return set()


def remove(name: str) -> list[Path]:
    """Remove the emptied groups, innermost first; what would not go is returned."""
    left = []
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            if not _rmdir(Path(folder)):
                left.append(Path(folder))
    return left


def _rmdir(folder: Path) -> bool:
    # A group stays busy for a moment after its last process has gone.
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _make(folder: Path, shares: int) -> None:
    folder.mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):
        # In v1 a new group has no CPU and no memory node, and takes no process until it has.
        if (folder / file).exists() and (folder.parent / "cpuset.mem_exclusive").exists():
            (folder / file).write_text((folder.parent / file).read_text())
    if (folder / "cpu.shares").exists():
        (folder / "cpu.shares").write_text(str(shares))
    if (folder / "cpu.weight").exists():
        (folder / "cpu.weight").write_text(str(min(10000, shares * 100 // 1024)))


def _delegate(folder: Path) -> None:
    """In v2 a controller works in a group only where its parent passes it on."""
    control = folder / "cgroup.subtree_control"
    if not control.exists():
        return
    for controller in (folder / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            control.write_text(f"+{controller}")
