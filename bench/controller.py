"""The operator as a process on this file system, so that it can be killed to the write.

It runs with the chart's own service account and settings; the chart's Deployment rests meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.cluster import SYSTEM, Cluster, Object, devcluster, python_inside

DEPLOYMENT = "frazil-operator"


@dataclass
class Operator:
    """One operator at a time; ``environ`` is what the chart gives the container."""

    environ: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self, *, kill_after_writes: int = 0) -> None:
        """Start it; with ``kill_after_writes`` it kills itself right after that API write."""
        environ = dict(self.environ)
        if kill_after_writes:
            environ["FRAZIL_OPERATOR_FAULT_AFTER_WRITES"] = str(kill_after_writes)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                python_inside("-m", "frazil_operator"), env=environ, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def dies_before(self, done: Callable[[], bool]) -> bool:
        """Wait until the process is gone or ``done``; whether it was gone first."""
        assert self.process is not None
        while not done():
            try:
                self.process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
            return True
        return False


@contextmanager
def local_operator() -> Iterator[Operator]:
    """Take the operator's place for the time of the block, then give it back."""
    cluster = Cluster(SYSTEM)
    deployment = cluster.get("deployment", DEPLOYMENT)
    assert deployment is not None, "the chart is not installed: run `make install`"
    with tempfile.TemporaryDirectory() as folder:
        operator = Operator(_environ(cluster, deployment, Path(folder)), Path(folder) / "log")
        cluster.kubectl("scale", "deployment", DEPLOYMENT, "--replicas=0")
        cluster.kubectl(
            "wait", "pod", "--for=delete", "--selector=app.kubernetes.io/component=operator"
        )
        try:
            yield operator
        finally:
            operator.kill()
            cluster.kubectl("scale", "deployment", DEPLOYMENT, "--replicas=1")
            cluster.kubectl("rollout", "status", "deployment", DEPLOYMENT, "--timeout=120s")


def _environ(cluster: Cluster, deployment: Object, folder: Path) -> dict[str, str]:
    """The container's environment, Secrets resolved, and a kubeconfig of its service account."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    environ = {entry["name"]: _value(cluster, entry) for entry in container.get("env", [])}
    store = cluster.get("service", "frazil-store")
    if store is not None:  # the cluster's DNS is not this machine's
        port = store["spec"]["ports"][0]["port"]
        endpoint = f"http://{store['spec']['clusterIP']}:{port}"
        environ["FRAZIL_OPERATOR_STORE_ENDPOINT"] = endpoint
    environ["KUBECONFIG"] = str(_kubeconfig(cluster, folder))
    return os.environ | environ


def _value(cluster: Cluster, entry: Object) -> str:
    source = entry.get("valueFrom", {})
    if "secretKeyRef" in source:
        reference = source["secretKeyRef"]
        template = "{{index .data " + f'"{reference["key"]}"' + " | base64decode}}"
        return cluster.kubectl("get", "secret", reference["name"], "-o", f"go-template={template}")
    if "fieldRef" in source:
        return cluster.namespace
    return str(entry.get("value", ""))


def _kubeconfig(cluster: Cluster, folder: Path) -> Path:
    """The devcluster's kubeconfig with the operator's token in place of the administrator's."""
    path = folder / "kubeconfig"
    path.write_text(Path(devcluster("kubeconfig").strip()).read_text())
    token = cluster.kubectl("create", "token", DEPLOYMENT, "--duration=2h").strip()
    own = f"--kubeconfig={path}"
    cluster.kubectl(own, "config", "set-credentials", "operator", f"--token={token}")
    cluster.kubectl(own, "config", "set-context", "--current", "--user=operator")
    return path
