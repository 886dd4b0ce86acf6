"""Debian's packages, for the programs in them: none of their services runs on the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devkube.shell import say, show, succeeds

POLICY = Path("/usr/sbin/policy-rc.d")
_DENY = """\
#!/bin/sh
# devcluster installs packages and starts none of their services. If it is gone, delete this file.
exit 101
"""
# Packages that have a service of that name started at each boot: a cluster runs its own.
_SERVICES = ("containerd", "docker-registry")


def install(packages: Sequence[str], policy: Path = POLICY) -> None:
    """Install packages that are not there yet; what apt-get says is shown."""
    say(f"Installing from Debian: {' '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    show(["apt-get", "update", "-qq"], env=quiet)
    with nothing_starts(policy):
        show(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)
    if shutil.which("systemctl"):
        for service in _SERVICES:
            if service in packages:
                succeeds(["systemctl", "disable", f"{service}.service"])


@contextmanager
def nothing_starts(policy: Path) -> Iterator[None]:
    """Meanwhile no installation starts a service, whichever init there is: each asks this file.

    One that exists is the machine's own: it is left as it is, and holds.
    """
    try:
        with policy.open("x") as file:
            file.write(_DENY)
    except FileExistsError:
        yield
        return
    try:
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)
