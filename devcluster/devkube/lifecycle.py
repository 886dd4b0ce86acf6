"""Up and down."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devkube import builds, certificates, cgroups, cleanup, images, preconditions, settings
from devkube.config import COREDNS_IMAGE, UTILITY_IMAGE, Cluster
from devkube.problem import Problem
from devkube.process import Process
from devkube.shell import run, say

_PATIENCE = 300


def running(cluster: Cluster) -> Process | None:
    """Pid 1 of the cluster, if it lives; it may not be ready yet."""
    return Process.load(cluster.pid_file)


def ready(cluster: Cluster) -> bool:
    """Whether the cluster lives and has answered."""
    return running(cluster) is not None and cluster.ready_file.exists()


def require_running(cluster: Cluster) -> Process:
    """Pid 1 of the cluster, or what to do without it."""
    process = running(cluster)
    if process is None or not cluster.ready_file.exists():
        raise Problem(f"The cluster {cluster.name} is not running. Start it: devcluster up")
    return process


def up(cluster: Cluster) -> bool:
    """Bring the cluster up; False when it already was."""
    preconditions.ensure()
    if ready(cluster):
        return False
    folders = [builds.build(builds.PROGRAMS[name], cluster.cache) for name in builds.NEEDED_TO_RUN]
    with _only_one(cluster):
        if running(cluster) is None:
            cleanup.remove(cluster)
            _prepare(cluster, folders)
            _launch(cluster)
        _wait(cluster)
    return True


def down(cluster: Cluster) -> bool:
    """Take the cluster away, running or not; False when there was nothing."""
    with _only_one(cluster):
        return cleanup.remove(cluster)


@contextmanager
def _only_one(cluster: Cluster) -> Iterator[None]:
    """Two `up`s at once become one after the other. A lock on a folder leaves no file behind."""
    folder = os.open(cluster.state.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _prepare(cluster: Cluster, folders: list[Path]) -> None:
    cluster.state.mkdir(mode=0o700)
    cluster.marker.touch()
    for folder in (cluster.bin, cluster.etc, cluster.logs):
        folder.mkdir()
    for folder in folders:
        shutil.copytree(folder, cluster.bin, symlinks=True, dirs_exist_ok=True)
    # The code runs from a copy as well: the checkout may change while the cluster runs.
    code = Path(__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(code, cluster.state / "code" / code.name, ignore=ignored)
    certificates.make(cluster)
    _configure(cluster)
    _archive_images(cluster)


def _configure(cluster: Cluster) -> None:
    for name, text in settings.files(cluster).items():
        file = cluster.etc / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for client in certificates.CLIENTS:
        (cluster.etc / f"{client}.kubeconfig").write_text(settings.kubeconfig(cluster, client))
    shutil.copy(cluster.etc / "admin.kubeconfig", cluster.kubeconfig)
    cluster.kubeconfig.chmod(0o600)
    spec = json.loads(run(["ctr", "oci", "spec"]))
    # Raising limits needs a right that root in a container does not have: pods keep ours.
    spec["process"].pop("rlimits", None)
    (cluster.etc / "runtime-spec.json").write_text(json.dumps(spec))


def _archive_images(cluster: Cluster) -> None:
    found = shutil.which("busybox")
    assert found, "a precondition"
    utility = images.busybox_files(Path(found), run([found, "--list"]).split())
    pause: dict[str, object] = {"Entrypoint": ["/bin/sleep", "2147483647"], "Env": ["PATH=/bin"]}
    images.write_archive(cluster.state / "images.tar", UTILITY_IMAGE, utility, pause)
    dns: images.Files = {"coredns": cluster.bin / "coredns"}
    entry: dict[str, object] = {"Entrypoint": ["/coredns"]}
    images.write_archive(cluster.state / "coredns.tar", COREDNS_IMAGE, dns, entry)


def _launch(cluster: Cluster) -> None:
    """Start pid 1 in its namespaces and give it its link to the host."""
    cgroups.prepare(cluster.cgroup)
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc"]
    argv = [*unshare, "--propagation", "private", "--kill-child"]
    argv += [sys.executable, "-m", "devkube.supervisor"]
    # Nothing of the caller's environment: a proxy for HTTP, say, would come between the parts.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(cluster.state),
        "PYTHONPATH": str(cluster.state / "code"),
        "FRAZIL_DEVCLUSTER_NAME": cluster.name,
        "FRAZIL_CACHE": str(cluster.cache),
    }
    with (cluster.logs / "supervisor.log").open("w") as log:
        outer = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: cgroups.join(cluster.cgroup, "system"),  # noqa: PLW1509 - no threads
        )
    first = _first_process(cluster, outer)
    first.save(cluster.pid_file)
    _link(cluster, first)
    outer.returncode = 0  # It outlives us on purpose; Popen must not warn about it.


def _first_process(cluster: Cluster, outer: subprocess.Popen[bytes]) -> Process:
    while outer.poll() is None:
        first = Process.child_of(outer.pid)
        if first:
            return first
        time.sleep(0.01)
    raise Problem(f"The namespaces could not be made:\n{_tail(cluster)}")


def _link(cluster: Cluster, first: Process) -> None:
    inside = ["peer", "name", "eth0", "netns", str(first.pid)]
    run(["ip", "link", "add", cluster.link, "type", "veth", *inside])
    run(["ip", "addr", "add", f"{cluster.host_ip}/30", "dev", cluster.link])
    run(["ip", "link", "set", cluster.link, "up"])


def _wait(cluster: Cluster) -> None:
    """Show what the supervisor says until the cluster is ready."""
    end = time.monotonic() + _PATIENCE
    with (cluster.logs / "supervisor.log").open() as log:
        while not cluster.ready_file.exists():
            sys.stderr.write(log.read())
            sys.stderr.flush()
            if running(cluster) is None or time.monotonic() > end:
                raise Problem(_failure(cluster))
            time.sleep(0.05)
        sys.stderr.write(log.read())
    say("Ready")


def _failure(cluster: Cluster) -> str:
    return (
        f"The cluster {cluster.name} did not come up. The end of its log:\n{_tail(cluster)}\n"
        f"Each part has a log in {cluster.logs}. `devcluster down` removes what is left."
    )


def _tail(cluster: Cluster) -> str:
    log = cluster.logs / "supervisor.log"
    return "\n".join(log.read_text().splitlines()[-5:])
