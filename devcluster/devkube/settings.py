"""The configuration files of every component, as text. JSON stands for YAML: it is a part of it."""

from __future__ import annotations

import base64
import json

from devkube.audit import policy
from devkube.certificates import CLIENTS
from devkube.config import (
    CONTAINERD_SOCKET,
    DNS_DOMAIN,
    DNS_SERVICE_IP,
    POD_CIDR,
    UTILITY_IMAGE,
    Cluster,
)
from devkube.manifests import manifests, provisioner_config, provisioner_helper


def files(cluster: Cluster) -> dict[str, str]:
    """Path below the folder for configuration -> content."""
    return {
        "audit-policy.json": _json(policy()),
        "cni/10-frazil.conflist": _json(cni()),
        "containerd.toml": containerd(cluster),
        "kubelet.json": _json(kubelet(cluster)),
        "kube-proxy.json": _json(kube_proxy(cluster)),
        "manifests.json": _json(manifests(cluster)),
        "provisioner.json": _json(provisioner_config(cluster)),
        "provisioner-helper.yaml": _json(provisioner_helper()),
        "registry.json": _json(registry(cluster)),
        f"registries/{cluster.registry}/hosts.toml": _registry_host(cluster),
        # Pods have the cluster's DNS; what the host resolves names with is no business of theirs.
        "resolv.conf": "",
    }


def kubeconfig(cluster: Cluster, client: str) -> str:
    """Credentials by value, so that the file works wherever it is copied on this machine."""
    if client not in CLIENTS:
        raise ValueError(client)
    pki = cluster.etc / "pki"
    data = {
        name: base64.b64encode((pki / file).read_bytes()).decode()
        for name, file in (("ca", "ca.crt"), ("crt", f"{client}.crt"), ("key", f"{client}.key"))
    }
    here = {"certificate-authority-data": data["ca"], "server": cluster.api_url}
    user = {"client-certificate-data": data["crt"], "client-key-data": data["key"]}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster.name, "cluster": here}],
            "users": [{"name": client, "user": user}],
            "contexts": [
                {"name": cluster.name, "context": {"cluster": cluster.name, "user": client}}
            ],
            "current-context": cluster.name,
        }
    )


def kubelet(cluster: Cluster) -> dict[str, object]:
    """KubeletConfiguration: cgroups of our own, and no sysctl of the host's is touched."""
    pki = cluster.etc / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "address": cluster.node_ip,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.cgroup}",
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": DNS_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "enforceNodeAllocatable": [],
        # The disk is the host's, and full enough of other things: only the last percent counts.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "failCgroupV1": False,
        "failSwapOn": False,
        # Tolerates that sysctls and OOM scores may not be set: we deny the first on purpose.
        "featureGates": {"KubeletInUserNamespace": True},
        # Never: the cluster's own images come from no registry.
        "imageGCHighThresholdPercent": 100,
        "readOnlyPort": 0,
        "resolvConf": str(cluster.etc / "resolv.conf"),
        "serializeImagePulls": False,
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "volumePluginDir": str(cluster.state / "volume-plugins"),
    }


def kube_proxy(cluster: Cluster) -> dict[str, object]:
    """KubeProxyConfiguration: rules follow the endpoints within a tenth of a second."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": cluster.node_ip,
        "clientConnection": {"kubeconfig": str(cluster.etc / "kube-proxy.kubeconfig")},
        "clusterCIDR": POD_CIDR,
        # The size of the table belongs to the host's own network namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": cluster.node,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
    }


def containerd(cluster: Cluster) -> str:
    """Everything below our own folders; rlimits and OOM scores stay as they are (no such right)."""
    etc = cluster.etc
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    runc = f"{cri}.containerd.runtimes.runc"
    return f"""version = 2
root = "{cluster.state}/containerd"
state = "/run/containerd"

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "{cluster.state}/opt"

[{cri}]
restrict_oom_score_adj = true
sandbox_image = "{UTILITY_IMAGE}"

[{cri}.containerd]
snapshotter = "overlayfs"

[{runc}]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{etc}/runtime-spec.json"

[{runc}.options]
SystemdCgroup = false

[{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{etc}/cni"

[{cri}.registry]
config_path = "{etc}/registries"
"""


def cni() -> dict[str, object]:
    """A bridge; a pod may reach itself through its own Service (hairpin)."""
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_CIDR}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": ipam,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "frazil", "plugins": [bridge, ports]}


def registry(cluster: Cluster) -> dict[str, object]:
    """Plain http and no password: only this machine can reach the address."""
    return {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(cluster.state / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": cluster.registry},
    }


def _registry_host(cluster: Cluster) -> str:
    address = f"http://{cluster.registry}"
    return f'server = "{address}"\n[host."{address}"]\ncapabilities = ["pull", "resolve"]\n'


def _json(value: object) -> str:
    return json.dumps(value, indent=1)
