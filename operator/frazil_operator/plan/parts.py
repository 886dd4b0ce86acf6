"""Pure: what all children have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from frazil_operator import names
from frazil_operator.api import Freeze, Model, Serving

TMP = "/tmp"  # noqa: S108 - a container's own: an emptyDir, since its root is read-only
USER = 65532  # "nonroot" of the images; any other works as well

# What Pod Security's `restricted` asks for.
POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def child(
    model: Model,
    identity: names.Child,
    body: Mapping[str, Any],
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A child of the model, with its owner and its labels.

    Labels and annotations of the model itself are not copied: Argo CD and Helm would take the
    children for their own.
    """
    metadata = {
        "name": identity.name,
        "namespace": model.namespace,
        "labels": dict(labels or {}) | common_labels(model.name),
        "annotations": dict(annotations or {}),
        "ownerReferences": [owner(model)],
    }
    head = {"apiVersion": identity.api_version, "kind": identity.kind, "metadata": metadata}
    return head | dict(body)


def common_labels(model: str) -> dict[str, str]:
    """The labels of every child, and of every pod."""
    return {
        names.MODEL: model,
        "app.kubernetes.io/name": model,
        "app.kubernetes.io/managed-by": "frazil",
    }


def owner(model: Model) -> dict[str, Any]:
    """The controller reference that lets the garbage collector end what the model began.

    Without blockOwnerDeletion, which would need a permission on finalizers for nothing.
    """
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": model.name,
        "uid": model.uid,
        "controller": True,
    }


def mount(volume: str, path: str) -> dict[str, Any]:
    """A volume's place in a container."""
    return {"name": volume, "mountPath": path}


def env(variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """Plain values as a container's ``env``."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def placement(part: Freeze | Serving) -> dict[str, Any]:
    """The parts of a pod's spec that ``spec.freeze`` and ``spec.serving`` say alike."""
    said = part.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        include={"node_selector", "tolerations", "service_account_name", "image_pull_secrets"},
    )
    return {"automountServiceAccountToken": False, "securityContext": POD_SECURITY} | said
