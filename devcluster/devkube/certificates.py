"""One authority for everything, and a certificate for each component."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devkube.config import API_SERVICE_IP, DNS_DOMAIN, Cluster
from devkube.shell import run

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_DAYS = ["-days", "365"]


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for: user and group as Kubernetes reads them."""

    name: str
    user: str
    group: str = ""
    addresses: tuple[str, ...] = ()  # of a server; a client has none

    @property
    def subject(self) -> str:
        """As openssl wants it."""
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.user}"

    @property
    def extensions(self) -> list[str]:
        """Servers are checked by their addresses, clients by their use."""
        if not self.addresses:
            return ["extendedKeyUsage=clientAuth"]
        return ["extendedKeyUsage=serverAuth", f"subjectAltName={','.join(self.addresses)}"]


# Component -> the identity in its kubeconfig.
CLIENTS = ("admin", "controller-manager", "scheduler", "kubelet", "kube-proxy", "provisioner")


def identities(cluster: Cluster) -> list[Identity]:
    """Everyone who needs a certificate."""
    node = f"IP:{cluster.node_ip}"
    kubernetes = [f"DNS:kubernetes.default{end}" for end in ("", ".svc", f".svc.{DNS_DOMAIN}")]
    server = (node, f"IP:{API_SERVICE_IP}", "DNS:kubernetes", *kubernetes)
    return [
        Identity("apiserver", "kube-apiserver", addresses=server),
        Identity(
            "kubelet-server",
            f"system:node:{cluster.node}",
            "system:nodes",
            addresses=(node, f"DNS:{cluster.node}"),
        ),
        Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
        Identity("admin", "kubernetes-admin", "system:masters"),
        Identity("controller-manager", "system:kube-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
        Identity("kubelet", f"system:node:{cluster.node}", "system:nodes"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("provisioner", "devcluster:provisioner", "system:masters"),
    ]


def make(cluster: Cluster) -> None:
    """Write authority, certificates and the key that signs service-account tokens."""
    folder = cluster.etc / "pki"
    folder.mkdir(parents=True, mode=0o700)
    authority = ["-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt"]
    run(["openssl", "req", "-x509", *_KEY, *_DAYS, *authority, "-subj", "/CN=devcluster"])
    for identity in identities(cluster):
        _certificate(folder, identity)
    key, public = folder / "service-account.key", folder / "service-account.pub"
    run(["openssl", "genpkey", "-algorithm", "RSA", "-out", key])
    run(["openssl", "pkey", "-in", key, "-pubout", "-out", public])


def _certificate(folder: Path, identity: Identity) -> None:
    signer = ["-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"]
    own = folder / identity.name
    files = ["-keyout", f"{own}.key", "-out", f"{own}.crt"]
    extensions = [word for line in identity.extensions for word in ("-addext", line)]
    subject = ["-subj", identity.subject, "-addext", "basicConstraints=critical,CA:FALSE"]
    run(["openssl", "req", "-x509", *_KEY, *_DAYS, *signer, *files, *subject, *extensions])
