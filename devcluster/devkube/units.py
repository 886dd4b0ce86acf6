"""What runs in a cluster, in which order, and how each part shows that it is ready."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from devkube.config import (
    CONTAINERD_SOCKET,
    SERVICE_CIDR,
    UTILITY_IMAGE,
    Cluster,
)

_QUICK = ("--kube-api-qps=300", "--kube-api-burst=600", "--leader-elect=false")


@dataclass(frozen=True)
class Unit:
    """A daemon, which must never end, or a task, which must end well."""

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()
    task: bool = False
    probe: str = ""  # tcp://HOST:PORT, unix://PATH, https://URL; none: ready once started
    env: dict[str, str] = field(default_factory=dict)


def units(cluster: Cluster) -> list[Unit]:
    """Every part of the cluster."""
    ctr = ("ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "images", "import")
    kubectl = str(cluster.bin / "kubectl")
    apply = ("apply", "--server-side", "--validate=false", f"-f={cluster.etc}/manifests.json")
    check = (sys.executable, "-m", "devkube.readiness")
    return [
        Unit(
            "registry",
            ("docker-registry", "serve", str(cluster.etc / "registry.json")),
            probe=f"tcp://{cluster.registry}",
        ),
        _etcd(cluster),
        Unit(
            "containerd",
            ("containerd", "--config", str(cluster.etc / "containerd.toml")),
            probe=f"unix://{CONTAINERD_SOCKET}",
        ),
        Unit(
            "images",
            (*ctr, str(cluster.state / "images.tar")),
            after=("containerd",),
            task=True,
        ),
        Unit(
            "coredns-image",
            (*ctr, str(cluster.state / "coredns.tar")),
            after=("containerd",),
            task=True,
        ),
        _apiserver(cluster),
        _controller_manager(cluster),
        _scheduler(cluster),
        Unit(
            "manifests",
            (kubectl, "--kubeconfig", str(cluster.kubeconfig), *apply),
            after=("kube-apiserver",),
            task=True,
        ),
        _kubelet(cluster),
        Unit(
            "kube-proxy",
            (str(cluster.bin / "kube-proxy"), f"--config={cluster.etc}/kube-proxy.json"),
            after=("kube-apiserver",),
        ),
        _provisioner(cluster),
        Unit("ready", check, after=("kubelet", "kube-proxy", "manifests"), task=True),
    ]


def _etcd(cluster: Cluster) -> Unit:
    # Nobody needs the data after a power cut, and waiting for the disk is most of etcd's time.
    # 127.0.0.1 is the network namespace's own: the host cannot reach it.
    argv = (
        str(cluster.bin / "etcd"),
        f"--data-dir={cluster.state}/etcd",
        "--unsafe-no-fsync",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    )
    return Unit("etcd", argv, probe="tcp://127.0.0.1:2379")


def _apiserver(cluster: Cluster) -> Unit:
    etc, pki = cluster.etc, cluster.etc / "pki"
    argv = (
        str(cluster.bin / "kube-apiserver"),
        f"--advertise-address={cluster.node_ip}",
        f"--bind-address={cluster.node_ip}",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--cert-dir={pki}",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--audit-policy-file={etc}/audit-policy.json",
        f"--audit-log-path={cluster.audit_log}",
        # A request is answered only when it is in the log: a test that reads it need not wait.
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=1024",
        "--audit-log-maxbackup=1",
    )
    ready = f"{cluster.api_url}/readyz"
    return Unit("kube-apiserver", argv, after=("etcd",), probe=ready)


def _controller_manager(cluster: Cluster) -> Unit:
    pki = cluster.etc / "pki"
    argv = (
        str(cluster.bin / "kube-controller-manager"),
        f"--kubeconfig={cluster.etc}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--flex-volume-plugin-dir={cluster.state}/volume-plugins",
        f"--cert-dir={cluster.state}/controller-manager",
        "--use-service-account-credentials=true",
        "--bind-address=127.0.0.1",
        "--concurrent-deployment-syncs=20",
        "--concurrent-replicaset-syncs=20",
        *_QUICK,
    )
    return Unit("kube-controller-manager", argv, after=("kube-apiserver",))


def _scheduler(cluster: Cluster) -> Unit:
    argv = (
        str(cluster.bin / "kube-scheduler"),
        f"--kubeconfig={cluster.etc}/scheduler.kubeconfig",
        f"--cert-dir={cluster.state}/scheduler",
        "--bind-address=127.0.0.1",
        *_QUICK,
    )
    return Unit("kube-scheduler", argv, after=("kube-apiserver",))


def _kubelet(cluster: Cluster) -> Unit:
    argv = (
        str(cluster.bin / "kubelet"),
        f"--config={cluster.etc}/kubelet.json",
        f"--kubeconfig={cluster.etc}/kubelet.kubeconfig",
        f"--hostname-override={cluster.node}",
        f"--node-ip={cluster.node_ip}",
    )
    # Not before the pause image is there: the first pod would fail and wait before it tries again.
    return Unit("kubelet", argv, after=("kube-apiserver", "images", "coredns-image"))


def _provisioner(cluster: Cluster) -> Unit:
    argv = (
        str(cluster.bin / "local-path-provisioner"),
        "start",
        f"--config={cluster.etc}/provisioner.json",
        f"--helper-pod-file={cluster.etc}/provisioner-helper.yaml",
        f"--helper-image={UTILITY_IMAGE}",
        f"--kubeconfig={cluster.etc}/provisioner.kubeconfig",
        "--namespace=local-path-storage",
        "--configmap-name=local-path-config",
        "--service-account-name=local-path-provisioner-service-account",
    )
    return Unit("provisioner", argv, after=("manifests",))
