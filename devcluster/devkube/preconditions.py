"""What the machine must have, and how to get what it has not."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass

from devkube.problem import Problem
from devkube.shell import say, show

# Program -> the Debian package that has it.
PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "docker-registry": "docker-registry",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nft": "nftables",
    "socat": "socat",
    "busybox": "busybox-static",
    "openssl": "openssl",
    "unshare": "util-linux",
    "mount": "mount",
}
ELSEWHERE = (
    "On any other machine, use a cluster that exists (kind, minikube, k3s or a real one): "
    "point kubectl at it and run `helm install frazil charts/frazil`."
)
# Debian keeps system programs where a user's PATH often does not look.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])


@dataclass(frozen=True)
class Machine:
    """What was found, so that the decision needs no machine to be tested."""

    system: str
    uid: int
    missing: tuple[str, ...]
    has_apt: bool

    @classmethod
    def look(cls) -> Machine:
        """Look at the machine this runs on."""
        return cls(
            system=platform.system(),
            uid=os.geteuid(),
            missing=tuple(name for name in PROGRAMS if not shutil.which(name, path=SEARCH_PATH)),
            has_apt=shutil.which("apt-get", path=SEARCH_PATH) is not None,
        )


def packages(machine: Machine) -> list[str]:
    """The Debian packages that bring what is missing."""
    return sorted({PROGRAMS[name] for name in machine.missing})


def objection(machine: Machine) -> str | None:
    """Why a cluster cannot run here, or None. The first reason found is the one to tell."""
    if machine.system != "Linux":
        return (
            f"devcluster needs Linux (namespaces, cgroups); this is {machine.system}.\n{ELSEWHERE}"
        )
    if machine.uid != 0:
        return (
            "devcluster needs root: it makes namespaces, mounts and control groups. "
            f"Run it with sudo.\n{ELSEWHERE}"
        )
    if machine.missing and not machine.has_apt:
        return (
            f"These programs are missing: {', '.join(machine.missing)}. There is no apt-get to "
            f"install them with; install what Debian calls {' '.join(packages(machine))}.\n"
            f"{ELSEWHERE}"
        )
    return None


def ensure() -> None:
    """Install what is missing, or say why that is not possible."""
    machine = Machine.look()
    reason = objection(machine)
    if reason:
        raise Problem(reason)
    os.environ["PATH"] = SEARCH_PATH
    if machine.missing:
        _install(packages(machine))


def _install(names: list[str]) -> None:
    say(f"Installing from Debian: {' '.join(names)}")
    # Packages that start a service on installation would touch the host; this policy says no.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    show(["apt-get", "update", "-qq"], env=quiet)
    show(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], env=quiet)
    left = Machine.look().missing
    if left:
        raise Problem(
            f"apt-get installed {' '.join(names)}, but these are still not found: "
            f"{', '.join(left)}. Look at the output above, install them and run `up` again."
        )
