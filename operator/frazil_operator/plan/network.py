"""Pure: the Service, its headless twin, and the PodDisruptionBudget."""

from __future__ import annotations

from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.observed import Object
from frazil_operator.plan.parts import child
from frazil_operator.rollout import Traffic
from frazil_operator.settings import Settings
from frazil_runtime import contract

HTTP = 80
_NAMESPACE = "kubernetes.io/metadata.name"
_COMPONENT = "app.kubernetes.io/component"
H2C = "kubernetes.io/h2c"  # for proxies and meshes: gRPC without TLS


def service(model: Model, traffic: Traffic | None) -> dict[str, Any]:
    """The Service that clients use: its selector is the operator's memory of who is stable.

    It is there from the start, when there is no revision yet and nothing to select.
    """
    stable = {names.STABLE: traffic.stable} if traffic else {}
    said = model.spec.service
    return child(
        model,
        names.Child("v1", "Service", names.service(model.name)),
        {"spec": {"type": said.type, "selector": _selector(model, traffic), "ports": _ports(HTTP)}},
        labels=said.labels,
        annotations=dict(said.annotations) | stable,
    )


def headless(model: Model, traffic: Traffic | None) -> dict[str, Any]:
    """The pods' own addresses, for clients that balance themselves."""
    return child(
        model,
        names.Child("v1", "Service", names.headless(model.name)),
        {
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "None",
                "publishNotReadyAddresses": False,
                "selector": _selector(model, traffic),
                "ports": _ports(contract.HTTP_PORT),
            }
        },
    )


def disruption_budget(model: Model) -> dict[str, Any]:
    """A node drain takes one pod at a time, and never waits for one that is broken."""
    return child(
        model,
        names.Child("policy/v1", "PodDisruptionBudget", names.disruption_budget(model.name)),
        {
            "spec": {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": {names.SERVING: model.name}},
            }
        },
    )


def load_policy(model: Model, settings: Settings) -> dict[str, Any]:
    """What lets the operator ask pods for their load that somebody has isolated."""
    operator = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE: settings.namespace}},
        "podSelector": {"matchLabels": {_COMPONENT: "operator"}},
    }
    admin = {"port": contract.ADMIN_PORT, "protocol": "TCP"}
    spec = {
        "podSelector": {"matchLabels": {names.SERVING: model.name}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [operator], "ports": [admin]}],
    }
    name = names.load_policy(model.name)
    return child(model, names.Child("networking.k8s.io/v1", "NetworkPolicy", name), {"spec": spec})


def traffic(service: Object | None) -> Traffic | None:
    """Whom the live Service selects; None where no Service says so."""
    if service is None:
        return None
    selector = service["spec"].get("selector") or {}
    annotations = service["metadata"].get("annotations") or {}
    if names.REVISION in selector:
        return Traffic(selector[names.REVISION])
    if names.STABLE in annotations:
        return Traffic(annotations[names.STABLE], wide=True)
    return None


def _ports(http: int) -> list[dict[str, Any]]:
    """Both protocols, at the pods' ports by name: a revision made before there was one has no part
    in it."""
    grpc = {"name": "grpc", "port": contract.GRPC_PORT, "targetPort": "grpc", "protocol": "TCP"}
    return [
        {"name": "http", "port": http, "targetPort": "http", "protocol": "TCP"},
        grpc | {"appProtocol": H2C},
    ]


def _selector(model: Model, traffic: Traffic | None) -> dict[str, str]:
    narrow = {names.REVISION: traffic.stable} if traffic and not traffic.wide else {}
    return {names.SERVING: model.name} | narrow
