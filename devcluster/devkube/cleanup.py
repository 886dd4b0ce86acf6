"""Taking a cluster away: after it, nothing tells that it was there."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from devkube import cgroups
from devkube.config import Cluster
from devkube.problem import Problem
from devkube.process import Process
from devkube.shell import run


def traces(cluster: Cluster) -> list[str]:
    """What of a cluster is on this machine, running or left behind by one that was killed."""
    places = [hierarchy / cluster.cgroup for hierarchy in cgroups.hierarchies()]
    places += [cluster.state, Path("/sys/class/net") / cluster.link]
    return [str(place) for place in places if place.exists()]


def remove(cluster: Cluster) -> bool:
    """Remove every trace; False when there was none."""
    if not traces(cluster):
        return False
    _require_ours(cluster)
    _kill(cluster)
    _remove_link(cluster)
    stuck = [str(folder) for folder in cgroups.remove(cluster.cgroup)]
    if stuck:
        raise Problem(f"These control groups do not go away: {', '.join(stuck)}. Try again.")
    _remove_state(cluster)
    return True


def _require_ours(cluster: Cluster) -> None:
    if not cluster.state.exists() or cluster.marker.exists() or not any(cluster.state.iterdir()):
        return
    raise Problem(
        f"{cluster.state} holds something that devcluster did not make; it is left alone. "
        "Move it away, or choose another name with FRAZIL_DEVCLUSTER_NAME."
    )


def _kill(cluster: Cluster) -> None:
    first = Process.load(cluster.pid_file)
    if first:
        # Pid 1 of a pid namespace takes all the others with it, at once and for certain.
        with contextlib.suppress(ProcessLookupError):
            os.kill(first.pid, signal.SIGKILL)
    left = cgroups.kill(cluster.cgroup)
    if left:
        raise Problem(f"These processes do not die: {sorted(left)}. Try again in a moment.")


def _remove_link(cluster: Cluster) -> None:
    # It goes by itself with the namespace, but only some time after the last process.
    with contextlib.suppress(Problem):
        run(["ip", "link", "delete", cluster.link])


def _remove_state(cluster: Cluster) -> None:
    # The mounts were inside the namespace and the kernel may still be letting go of them.
    for attempt in range(50):
        try:
            shutil.rmtree(cluster.state)
        except FileNotFoundError:
            return
        except OSError:
            if attempt == 49:
                raise
            time.sleep(0.1)
        else:
            return
