"""What the container is allowed: how many runs at a time, and how much memory there is left."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")

_NO_LIMIT = 2**60  # bytes, from which on v1 means that there is none
# The file of the limit, and of memory.stat what no file has a copy of.
_V2 = "memory.max", frozenset(("anon", "shmem"))
_V1 = "memory.limit_in_bytes", frozenset(("total_rss", "total_shmem"))


def slots(quota: float | None, request: float, cores: int) -> int:
    """The CPU quota in whole cores, else the CPU request rounded up, else the machine's cores.

    All in cores. ``quota`` is None and ``request`` 0 where there is none. At least 1.
    """
    if quota is not None:
        return max(1, math.floor(quota))
    return math.ceil(request) or cores


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """The tightest CPU quota, in cores, of this process's cgroup and those above it; None: none.

    Reads cgroup v2 below ``root`` and v1 below ``root/cpu``. Inside a container both mounts begin
    at the container's own cgroup, so that a path that ``membership`` names may not exist there.
    """
    text = _read(membership)
    unified = (_quota_v2(_read(place / "cpu.max")) for place in _line(root, v2_path(text)))
    legacy = (
        _quota_v1(_read(place / "cpu.cfs_quota_us"), _read(place / "cpu.cfs_period_us"))
        for place in _line(root / "cpu", v1_path(text, "cpu"))
    )
    return min((quota for quota in (*unified, *legacy) if quota is not None), default=None)


def memory_left(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes below the tightest memory limit that are not held; None: there is no limit.

    What only keeps a file's content is not held: the kernel takes it back. Reads cgroup v2 below
    ``root`` and v1 below ``root/memory``, likewise.
    """
    text = _read(membership)
    unified = (_left(place, *_V2) for place in _line(root, v2_path(text)))
    legacy = (_left(place, *_V1) for place in _line(root / "memory", v1_path(text, "memory")))
    return min((left for left in (*unified, *legacy) if left is not None), default=None)


def v2_path(membership: str) -> str:
    """The cgroup v2 path in the text of /proc/self/cgroup (``0::/path``)."""
    return next((line[3:] for line in membership.splitlines() if line.startswith("0::")), "/")


def v1_path(membership: str, controller: str) -> str:
    """The path of a v1 controller (``4:cpu,cpuacct:/path``)."""
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return "/"


def _quota_v2(cpu_max: str) -> float | None:
    """``cpu.max`` is "<quota> <period>" in microseconds, or "max <period>"."""
    quota, _, period = cpu_max.partition(" ")
    return int(quota) / int(period) if quota.isdigit() else None


def _quota_v1(quota: str, period: str) -> float | None:
    """``cpu.cfs_quota_us`` is -1 where there is no quota."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _left(place: Path, file: str, held: frozenset[str]) -> int | None:
    """``memory.max`` is "max" where there is no limit; ``memory.stat`` has a figure a line."""
    limit = _read(place / file).strip()
    if not limit.isdigit() or int(limit) >= _NO_LIMIT:
        return None
    figures = (line.partition(" ") for line in _read(place / "memory.stat").splitlines())
    return max(0, int(limit) - sum(int(size) for name, _, size in figures if name in held))


def _line(root: Path, path: str) -> Iterable[Path]:
    """The cgroup's directory and its parents', up to the root."""
    relative = PurePosixPath(path.lstrip("/"))
    return [root / relative, *(root / parent for parent in relative.parents)]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
