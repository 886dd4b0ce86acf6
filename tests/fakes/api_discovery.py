"""What is in the in-memory API server: its paths, its kinds, its small arithmetic."""

from __future__ import annotations

from typing import Any

from frazil_operator.resources import (
    CHILDREN,
    EVENTS,
    LEASES,
    MODELS,
    NETWORKPOLICIES,
    PODS,
    SECRETS,
    Resource,
)

Body = dict[str, Any]

_CRDS = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
_NAMESPACES = Resource("v1", "Namespace", "namespaces")
KNOWN = (MODELS, *CHILDREN, NETWORKPOLICIES, PODS, EVENTS, SECRETS, LEASES, _NAMESPACES, _CRDS)
_VERBS = ["get", "list", "watch", "create", "patch", "update", "delete"]


def find(parts: list[str]) -> tuple[Resource, str, str, str] | None:
    """Kind, namespace, name and subresource of a path; None where it is one of discovery."""
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource = next((r for r in KNOWN if rest and r.plural == rest[0]), None)
    if resource is None:
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    return resource, namespace, name, subresource


def discovery(parts: list[str]) -> Body:
    """What kopf asks before it watches: the groups, then the kinds of each."""
    if parts == ["api"]:
        return {"versions": ["v1"]}
    if parts == ["apis"]:
        return {"groups": [_group(v) for v in sorted({r.api_version for r in KNOWN} - {"v1"})]}
    version = "/".join(parts[1:])
    kinds = [_kind(r) for r in KNOWN if r.api_version == version]
    return {"groupVersion": version, "resources": kinds}


def _group(api_version: str) -> Body:
    group, version = api_version.split("/")
    served = {"groupVersion": api_version, "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def _kind(resource: Resource) -> Body:
    return {
        "name": resource.plural,
        "kind": resource.kind,
        "singularName": resource.kind.lower(),
        "namespaced": resource not in (_CRDS, _NAMESPACES),
        "verbs": _VERBS,
    }


def merged(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict) or not isinstance(live, dict):
        return patch
    kept = {k: v for k, v in live.items() if patch.get(k, ...) is not None}
    return kept | {k: merged(live.get(k), v) for k, v in patch.items() if v is not None}


def status(code: int, message: str) -> tuple[int, Body]:
    """A refusal."""
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message}
