"""The last step of a start, run inside: node, DNS and storage answer, then the cluster is ready."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from devkube.config import DNS_DOMAIN, DNS_SERVICE_IP, Cluster
from devkube.manifests import STORAGE_CLASS
from devkube.probe import resolves
from devkube.shell import say, succeeds

# Long enough for a machine that compiles beside it; a healthy start needs a few seconds.
_PATIENCE = 180


def checks(cluster: Cluster) -> dict[str, Callable[[], bool]]:
    """What must hold, and how it is asked, from inside the cluster's network."""
    kubectl = [str(cluster.bin / "kubectl"), "--kubeconfig", str(cluster.kubeconfig)]
    ready = [*kubectl, "wait", "--for=condition=Ready", f"node/{cluster.node}", "--timeout=60s"]
    account = [*kubectl, "get", "serviceaccount", "default", "-n", "default"]
    return {
        "the node is Ready": lambda: succeeds(ready),
        "cluster DNS answers": lambda: resolves(
            DNS_SERVICE_IP, f"kubernetes.default.svc.{DNS_DOMAIN}"
        ),
        "pods may be made": lambda: succeeds(account),
        f"storage class {STORAGE_CLASS} is there": lambda: succeeds(
            [*kubectl, "get", "storageclass", STORAGE_CLASS]
        ),
    }


def main() -> int:
    """Ask until everything holds; the ready file is written last."""
    cluster = Cluster.from_environment(os.environ)
    end = time.monotonic() + _PATIENCE
    for what, holds in checks(cluster).items():
        while not holds():
            if time.monotonic() > end:
                say(f"Gave up after {_PATIENCE} s: it never held that {what}")
                return 1
            time.sleep(0.05)
        say(f"{what}")
    cluster.ready_file.touch()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
