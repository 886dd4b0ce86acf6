"""The inside of a cluster's namespaces: what differs there from the host. Gone with them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from devkube.config import Cluster
from devkube.problem import Problem
from devkube.shell import run, say, succeeds

# What the kubelet wants, and sets where it is not so.
_SYSCTLS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


def enter(cluster: Cluster) -> None:
    """Arrange mounts and network; runs inside, before anything else does."""
    # Shared among ourselves, since pods' mounts must propagate; the host is already cut off.
    run(["mount", "--make-rshared", "/"])
    _own_folders(cluster)
    _protect_sysctls(cluster)
    _network(cluster)


def _own_folders(cluster: Cluster) -> None:
    """Kubelet, CNI and containerd have fixed places below these: there they find ours.

    The state folder lies below one of them itself, so it is put aside and then back.
    """
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
    aside = Path("/run/state")
    aside.mkdir()
    run(["mount", "--bind", cluster.state, aside])
    for place in ("/var/lib", "/var/log"):
        own = aside / "root" / place.removeprefix("/")
        own.mkdir(parents=True)
        run(["mount", "--bind", own, place])
    cluster.state.mkdir(parents=True, exist_ok=True)
    run(["mount", "--bind", aside, cluster.state])


def _protect_sysctls(cluster: Cluster) -> None:
    """Show the kubelet what it would otherwise set, for the whole machine and beyond our end."""
    for number, (place, value) in enumerate(_SYSCTLS.items()):
        file = cluster.etc / f"sysctl-{number}"
        file.write_text(f"{value}\n")
        run(["mount", "--bind", file, Path("/proc/sys") / place])


def _network(cluster: Cluster) -> None:
    run(["ip", "link", "set", "lo", "up"])
    end = time.monotonic() + 30
    # The host makes the link, as it alone knows both ends.
    while not succeeds(["ip", "link", "show", "eth0"]):
        if time.monotonic() > end:
            raise Problem("the link to the host did not appear within 30 s")
        time.sleep(0.02)
    run(["ip", "addr", "add", f"{cluster.node_ip}/30", "dev", "eth0"])
    run(["ip", "link", "set", "eth0", "up"])
    run(["ip", "route", "add", "default", "via", cluster.host_ip])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    _filter_bridge()


def _filter_bridge() -> None:
    """Have packets between two pods go through the rules as well.

    Else the answer of a pod that was reached through a Service goes straight over the bridge, past
    the rules that would give it back its Service's address.
    """
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not bridged.exists() and shutil.which("modprobe"):
        succeeds(["modprobe", "br_netfilter"])  # In Debian's kernel it is a module.
    if bridged.exists():
        bridged.write_text("1")
    else:
        say("The kernel has no br_netfilter: pods may not reach each other through Services")
