"""The configuration files, as far as others rely on them."""

from __future__ import annotations

import json
import tomllib

import pytest
from devkube import audit, manifests, settings
from devkube.config import Cluster
from devkube.units import units


def test_every_json_file_can_be_read_again(cluster: Cluster) -> None:
    for name, text in settings.files(cluster).items():
        if name.endswith((".json", ".conflist", ".yaml")):
            json.loads(text)


def test_containerd_keeps_its_data_in_the_state_folder(cluster: Cluster) -> None:
    config = tomllib.loads(settings.containerd(cluster))
    assert config["root"].startswith(str(cluster.state))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["containerd"]["snapshotter"] == "overlayfs"
    assert cri["registry"]["config_path"].startswith(str(cluster.state))


def test_the_registry_is_pulled_from_without_tls(cluster: Cluster) -> None:
    text = settings.files(cluster)[f"registries/{cluster.registry}/hosts.toml"]
    hosts = tomllib.loads(text)["host"]
    assert list(hosts) == [f"http://{cluster.registry}"]


def test_nothing_listens_where_others_than_this_machine_reach_it(cluster: Cluster) -> None:
    assert settings.kubelet(cluster)["address"] == cluster.node_ip
    http = settings.registry(cluster)["http"]
    assert http == {"addr": cluster.registry}
    apiserver = next(unit for unit in units(cluster) if unit.name == "kube-apiserver")
    assert f"--bind-address={cluster.node_ip}" in apiserver.argv


def test_rules_of_services_follow_quickly(cluster: Cluster) -> None:
    proxy = settings.kube_proxy(cluster)
    assert proxy["mode"] == "nftables"
    assert proxy["nftables"] == {"minSyncPeriod": "100ms", "syncPeriod": "30s"}


def test_a_kubeconfig_is_made_only_for_those_who_have_a_certificate(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="stranger"):
        settings.kubeconfig(cluster, "stranger")


def level(user: str, verb: str, resource: str, groups: tuple[str, ...] = ()) -> str:
    """What the audit policy says to a request, by the API server's own rule: first match."""
    group, _, name = resource.rpartition("/")
    for rule in audit.policy()["rules"]:  # type: ignore[attr-defined]
        wants = rule.get("resources")
        if "users" in rule and user not in rule["users"]:
            continue
        if "userGroups" in rule and not set(groups) & set(rule["userGroups"]):
            continue
        if "verbs" in rule and verb not in rule["verbs"]:
            continue
        if wants and not any(w["group"] == group and name in w["resources"] for w in wants):
            continue
        return str(rule["level"])
    return "None"


OPERATOR = "system:serviceaccount:frazil-system:frazil-operator"


@pytest.mark.parametrize(
    ("user", "verb", "resource", "expected"),
    [
        (OPERATOR, "patch", "frazil.dev/modeldeployments", "Request"),
        (OPERATOR, "get", "apps/deployments", "Metadata"),
        (OPERATOR, "watch", "frazil.dev/modeldeployments", "Metadata"),
        (OPERATOR, "update", "coordination.k8s.io/leases", "Metadata"),
        ("kubernetes-admin", "create", "/pods", "Metadata"),
        ("system:kube-scheduler", "create", "/bindings", "Metadata"),
        ("system:kube-scheduler", "list", "/pods", "None"),
        ("system:kube-scheduler", "update", "coordination.k8s.io/leases", "None"),
    ],
)
def test_the_audit_log_tells(user: str, verb: str, resource: str, expected: str) -> None:
    assert level(user, verb, resource) == expected


def test_claims_of_both_kinds_are_served_by_the_default_class(cluster: Cluster) -> None:
    assert list(manifests.provisioner_config(cluster)) == ["sharedFileSystemPath"]
    items = manifests.manifests(cluster)["items"]
    classes = [item for item in items if item["kind"] == "StorageClass"]  # type: ignore[attr-defined]
    assert len(classes) == 1
    assert classes[0]["volumeBindingMode"] == "WaitForFirstConsumer"
