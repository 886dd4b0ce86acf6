"""How many runs at a time the container's CPU share allows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


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
        for place in _line(root / "cpu", v1_path(text))
    )
    return min((quota for quota in (*unified, *legacy) if quota is not None), default=None)


def v2_path(membership: str) -> str:
    """The cgroup v2 path in the text of /proc/self/cgroup (``0::/path``)."""
    return next((line[3:] for line in membership.splitlines() if line.startswith("0::")), "/")


def v1_path(membership: str) -> str:
    """The path of the v1 cpu controller (``4:cpu,cpuacct:/path``)."""
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "cpu" in controllers.split(","):
            return path
    return "/"


def _quota_v2(cpu_max: str) -> float | None:
    """``cpu.max`` is "<quota> <period>" in microseconds, or "max <period>"."""
    quota, _, period = cpu_max.partition(" ")
    return int(quota) / int(period) if quota.isdigit() else None


def _quota_v1(quota: str, period: str) -> float | None:
    """``cpu.cfs_quota_us`` is -1 where there is no quota."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _line(root: Path, path: str) -> Iterable[Path]:
    """The cgroup's directory and its parents', up to the root."""
    relative = PurePosixPath(path.lstrip("/"))
    return [root / relative, *(root / parent for parent in relative.parents)]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
