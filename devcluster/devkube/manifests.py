"""The Kubernetes objects that every cluster starts with: DNS, storage, the API server's rights."""

from __future__ import annotations

import json
from collections.abc import Mapping

from devkube.config import COREDNS_IMAGE, DNS_DOMAIN, DNS_SERVICE_IP, UTILITY_IMAGE, Cluster

Manifest = dict[str, object]

STORAGE_NAMESPACE = "local-path-storage"
STORAGE_CLASS = "local-path"
_RBAC = "rbac.authorization.k8s.io"
_COREFILE = f"""
.:5353 {{
    errors
    health :8080
    ready :8181
    prometheus :9153
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        ttl 5
    }}
    cache 5
    loadbalance
}}
"""
# Pods run as anybody, so a volume must be anybody's to write to.
_SETUP = '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n'
_TEARDOWN = '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n'


def manifests(cluster: Cluster) -> Manifest:
    """Everything as one List, in an order in which it can be applied."""
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_kubelet_rights(), *_dns(), *_storage(cluster)],
    }


def _object(api: str, kind: str, name: str, namespace: str = "", **rest: object) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def _bind(name: str, role: str, subject: Mapping[str, object]) -> Manifest:
    ref = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role}
    return _object(f"{_RBAC}/v1", "ClusterRoleBinding", name, roleRef=ref, subjects=[subject])


def _kubelet_rights() -> Manifest:
    """What `kubectl logs`, `exec` and `port-forward` need of the kubelet."""
    user = {"apiGroup": _RBAC, "kind": "User", "name": "kube-apiserver-kubelet-client"}
    return _bind("kubelet-api-admin", "system:kubelet-api-admin", user)


def _dns() -> list[Manifest]:
    watch = ["list", "watch"]
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": watch,
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    return [
        _object("v1", "ServiceAccount", "coredns", "kube-system"),
        _object(f"{_RBAC}/v1", "ClusterRole", "system:coredns", rules=rules),
        _bind("system:coredns", "system:coredns", account),
        _object("v1", "ConfigMap", "coredns", "kube-system", data={"Corefile": _COREFILE}),
        _object("apps/v1", "Deployment", "coredns", "kube-system", spec=_dns_deployment()),
        _object("v1", "Service", "kube-dns", "kube-system", spec=_dns_service()),
    ]


def _dns_service() -> Manifest:
    ports = [
        {"name": f"dns-{protocol.lower()}", "port": 53, "targetPort": 5353, "protocol": protocol}
        for protocol in ("UDP", "TCP")
    ]
    return {"clusterIP": DNS_SERVICE_IP, "selector": {"k8s-app": "kube-dns"}, "ports": ports}


def _dns_deployment() -> Manifest:
    labels = {"k8s-app": "kube-dns"}
    container = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }


def _storage(cluster: Cluster) -> list[Manifest]:
    config = {
        "config.json": json.dumps(provisioner_config(cluster)),
        "setup": _SETUP,
        "teardown": _TEARDOWN,
        "helperPod.yaml": json.dumps(provisioner_helper()),
    }
    account = "local-path-provisioner-service-account"
    storage_class = _object(
        "storage.k8s.io/v1",
        "StorageClass",
        STORAGE_CLASS,
        provisioner="rancher.io/local-path",
        volumeBindingMode="WaitForFirstConsumer",
        reclaimPolicy="Delete",
    )
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage_class["metadata"] = {"name": STORAGE_CLASS, "annotations": default}
    return [
        _object("v1", "Namespace", STORAGE_NAMESPACE),
        _object("v1", "ServiceAccount", account, STORAGE_NAMESPACE),
        _object("v1", "ConfigMap", "local-path-config", STORAGE_NAMESPACE, data=config),
        storage_class,
    ]


def provisioner_config(cluster: Cluster) -> Manifest:
    """A shared path, although there is one node: only then may a claim be ReadWriteMany."""
    return {"sharedFileSystemPath": str(cluster.state / "volumes")}


def provisioner_helper() -> Manifest:
    """The pod that makes and removes the folder of a volume."""
    container = {"name": "helper-pod", "image": UTILITY_IMAGE, "imagePullPolicy": "Never"}
    spec = {"tolerations": [{"operator": "Exists"}], "containers": [container]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": spec,
    }
