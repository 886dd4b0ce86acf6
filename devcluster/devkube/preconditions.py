"""What the machine must have, and how to get what it has not."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devkube import apt, elf
from devkube.problem import Problem

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
# Copied into an image that holds nothing else: Debian's other busybox, which most machines have,
# would not find its libraries there. apt-get puts the one in the place of the other.
STATIC = {"busybox"}
ELSEWHERE = (
    "On any other machine, use a cluster that exists (kind, minikube, k3s or a real one): "
    "docs/operations.md says how to build the images and install the chart there."
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
            missing=tuple(name for name in PROGRAMS if not _found(name)),
            has_apt=shutil.which("apt-get", path=SEARCH_PATH) is not None,
        )


def _found(name: str) -> bool:
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        return False
    return name not in STATIC or elf.stands_alone(Path(path).read_bytes())


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
            f"These programs are missing: {_told(machine.missing)}. There is no apt-get to "
            f"install them with; install what Debian calls {' '.join(packages(machine))}.\n"
            f"{ELSEWHERE}"
        )
    return None


def _told(programs: Iterable[str]) -> str:
    return ", ".join(f"{name} (linked statically)" if name in STATIC else name for name in programs)


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
    apt.install(names)
    left = Machine.look().missing
    if left:
        raise Problem(
            f"apt-get installed {' '.join(names)}, but these are still not found: "
            f"{_told(left)}. Look at the output above, install them and run `up` again."
        )
