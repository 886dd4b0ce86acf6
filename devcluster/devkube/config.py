"""Every name, address and path of a cluster, derived from its name."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devkube.problem import Problem

DEFAULT_NAME = "devcluster"
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
DNS_DOMAIN = "cluster.local"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
UTILITY_IMAGE = "localhost/devcluster/busybox:1"
COREDNS_IMAGE = "localhost/devcluster/coredns:1"


@dataclass(frozen=True)
class Cluster:
    """One cluster on this machine. Two of different names do not touch each other."""

    name: str
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Cluster:
        """Read FRAZIL_DEVCLUSTER_NAME and FRAZIL_CACHE; without them the usual places."""
        name = environment.get("FRAZIL_DEVCLUSTER_NAME") or DEFAULT_NAME
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
            raise Problem(
                f"FRAZIL_DEVCLUSTER_NAME={name!r} is not a name for a cluster: "
                "use at most 20 of a-z, 0-9 and '-', with a letter first."
            )
        home = Path(environment.get("HOME") or Path.home())
        cache = Path(environment.get("FRAZIL_CACHE") or home / ".cache" / "frazil")
        return cls(name, Path("/var/lib") / f"frazil-{name}", cache.absolute())

    @property
    def _subnet(self) -> str:
        # 198.18.0.0/15 is set aside for benchmarks of networks: no real host lives there.
        number = 34 if self.name == DEFAULT_NAME else 64 + zlib.crc32(self.name.encode()) % 128
        return f"198.18.{number}"

    @property
    def host_ip(self) -> str:
        """The host's end of the link to the cluster."""
        return f"{self._subnet}.1"

    @property
    def node_ip(self) -> str:
        """The cluster's end of the link: API server, kubelet and registry listen here only."""
        return f"{self._subnet}.2"

    @property
    def link(self) -> str:
        """The network interface on the host; the kernel allows 15 characters."""
        if self.name == DEFAULT_NAME:
            return "frazil0"
        return f"frazil-{zlib.crc32(self.name.encode()):08x}"

    @property
    def cgroup(self) -> str:
        """The control group, below the root of each hierarchy, that holds every process."""
        return f"frazil-{self.name}"

    @property
    def node(self) -> str:
        """The name of the only node."""
        return self.name

    @property
    def registry(self) -> str:
        """The image registry, under one name for the host and for containerd."""
        return f"{self.node_ip}:5000"

    @property
    def api_url(self) -> str:
        """Where the API server answers, from the host as from inside."""
        return f"https://{self.node_ip}:6443"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON object a line."""
        return self.logs / "audit.log"

    @property
    def logs(self) -> Path:
        """One log file a component."""
        return self.state / "log"

    @property
    def etc(self) -> Path:
        """Configuration files and certificates."""
        return self.state / "etc"

    @property
    def bin(self) -> Path:
        """The binaries the cluster runs: copies, so the cache may be deleted under it."""
        return self.state / "bin"

    @property
    def pid_file(self) -> Path:
        """Which process is pid 1 of the cluster."""
        return self.state / "pid"

    @property
    def ready_file(self) -> Path:
        """Exists once node, DNS and storage have answered."""
        return self.state / "ready"

    @property
    def marker(self) -> Path:
        """Tells that the state folder is ours to remove."""
        return self.state / ".frazil-devcluster"
