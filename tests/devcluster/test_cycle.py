"""A cluster of its own comes and goes: afterwards the machine is as it was before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from devkube.config import Cluster

pytestmark = pytest.mark.devcluster_cycle

# Beside the cluster that others may be using, which must not notice.
NAME = "cycle-test"
CLUSTER = Cluster.from_environment({"FRAZIL_DEVCLUSTER_NAME": NAME})
SYSCTLS = ("net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
FOLDERS = ("/etc", "/opt", "/run", "/usr/libexec", "/var/lib", "/var/log", "/var/lib/containers")


def lines(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return sorted(done.stdout.splitlines())


def processes() -> list[str]:
    """Processes of a cluster, by what only a cluster's processes have in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(CLUSTER.state) in words or "devkube.supervisor" in words:
            found.append(f"{folder.name} {words}")
    return sorted(found)


def control_groups() -> list[str]:
    """All but those of other clusters, whose pods come and go."""
    groups = [str(folder) for folder in Path("/sys/fs/cgroup").glob("**/")]
    return [group for group in groups if "/frazil-" not in group or CLUSTER.cgroup in group]


def mounts() -> list[str]:
    """All but those of images that are being built meanwhile."""
    found = Path("/proc/self/mounts").read_text().splitlines()
    return [mount for mount in found if " /var/lib/containers/" not in mount]


def traces() -> set[str]:
    """Everything a cluster could leave behind."""
    found = {
        "mount": mounts(),
        "link": os.listdir("/sys/class/net"),
        "rule": lines("nft", "list", "ruleset"),
        "route": lines("ip", "route", "show", "table", "all"),
        "group": control_groups(),
        "process": processes(),
        "sysctl": [f"{name} {(Path('/proc/sys') / name).read_text()}" for name in SYSCTLS],
    }
    found |= {f"in {name}": listing(Path(name)) for name in FOLDERS}
    return {f"{kind}: {text}" for kind, texts in found.items() for text in texts}


def listing(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []


@pytest.fixture(scope="module")
def prepared(script: Path) -> Path:
    """The command, once what it installs and builds is there: that is to stay, and no trace."""
    subprocess.run([script, "prepare"], check=True)
    return script


@pytest.fixture
def devcluster(prepared: Path) -> Iterator[Callable[[str], int]]:
    """The command, for a cluster of our own; whatever a test does, nothing of it stays."""

    def call(command: str) -> int:
        env = {**os.environ, "FRAZIL_DEVCLUSTER_NAME": NAME}
        return subprocess.run([prepared, command], env=env, check=False).returncode

    call("down")
    yield call
    call("down")


def first_process() -> int:
    return int(json.loads(CLUSTER.pid_file.read_text())["pid"])


def everyone() -> set[int]:
    """Every process in the cluster's control groups, pods too."""
    files = Path("/sys/fs/cgroup").glob(f"**/{CLUSTER.cgroup}/**/cgroup.procs")
    return {int(pid) for file in files for pid in file.read_text().split()} - {0}


def wait_until_dead() -> None:
    end = time.monotonic() + 30
    while everyone():
        assert time.monotonic() < end, everyone()
        time.sleep(0.05)


def test_down_leaves_the_machine_as_it_was(devcluster: Callable[[str], int]) -> None:
    before = traces()
    assert devcluster("up") == 0
    assert devcluster("status") == 0
    assert devcluster("down") == 0
    assert traces() <= before
    assert devcluster("status") == 3


def test_who_is_killed_leaves_what_down_takes_away(devcluster: Callable[[str], int]) -> None:
    before = traces()
    assert devcluster("up") == 0
    for pid in everyone():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # Pid 1 was among the first, and took it along.
    wait_until_dead()
    # The kernel takes the link, and with it its routes, a moment after the last process.
    passing = ("group:", "in /var/lib:", "link:", "route:")
    left = {trace for trace in traces() - before if not trace.startswith(passing)}
    assert not left
    assert devcluster("status") == 3
    assert devcluster("down") == 0
    assert traces() <= before


def test_up_after_a_kill_starts_anew(devcluster: Callable[[str], int]) -> None:
    before = traces()
    assert devcluster("up") == 0
    first = first_process()
    os.kill(first, signal.SIGKILL)
    wait_until_dead()
    assert devcluster("up") == 0
    assert first_process() != first
    assert devcluster("down") == 0
    assert traces() <= before


def test_a_vital_parts_end_is_the_end_of_all(devcluster: Callable[[str], int]) -> None:
    assert devcluster("up") == 0
    etcd = next(line for line in processes() if f"{CLUSTER.bin}/etcd" in line)
    os.kill(int(etcd.split()[0]), signal.SIGKILL)
    wait_until_dead()
    assert devcluster("status") == 3
    assert "etcd ended" in (CLUSTER.logs / "supervisor.log").read_text()


def test_a_folder_that_is_not_ours_is_left_alone(devcluster: Callable[[str], int]) -> None:
    CLUSTER.state.mkdir()
    treasure = CLUSTER.state / "treasure"
    treasure.touch()
    try:
        assert devcluster("up") == 1
        assert devcluster("down") == 1
        assert treasure.exists()
    finally:
        treasure.unlink(missing_ok=True)
        CLUSTER.state.rmdir()
