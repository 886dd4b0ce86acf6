"""The CustomResourceDefinition, generated: `python -m frazil_operator.crd > crds/…`.

pydantic writes JSON Schema 2020-12; the API server takes a *structural* OpenAPI 3.0 schema. The
differences are translated here: no $ref, no null, no const, booleans for exclusive bounds, and
the defaults of nested objects written out whole (the API server checks them against the rules).
"""

from __future__ import annotations

import json
import sys
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from frazil_operator import names
from frazil_operator.api import Spec
from frazil_operator.api_status import Status

Schema = dict[str, Any]

_NAME_RULE = {
    "rule": f"self.metadata.name.size() <= {names.MAX_NAME} && "
    "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "message": f"the name must be a DNS label of at most {names.MAX_NAME} characters that begins "
    "with a letter: Services and Deployments are named after it",
}
_DROPPED = ("title", "default", "$defs")


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of one pydantic model, its nested models in place."""
    schema = model.model_json_schema(by_alias=True)
    out = _translate(schema, schema.get("$defs", {}))
    _write_defaults(out, model)
    return out


def _translate(node: Schema, defs: dict[str, Schema]) -> Schema:
    node = _merge(node, defs)
    out = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in out:
            out[bound.lower()] = out[f"exclusive{bound}"]
            out[f"exclusive{bound}"] = True
    if "properties" in out:
        out["properties"] = {k: _translate(v, defs) for k, v in out["properties"].items()}
    if "items" in out:
        out["items"] = _translate(out["items"], defs)
    if out.get("additionalProperties") is True:  # beside preserve-unknown-fields
        del out["additionalProperties"]
    elif "additionalProperties" in out:
        out["additionalProperties"] = _translate(out["additionalProperties"], defs)
    if "description" in out:
        out["description"] = " ".join(out["description"].split())
    return out


def _merge(node: Schema, defs: dict[str, Schema]) -> Schema:
    """A node with its $ref followed and its "or null" left out; what stands beside them wins."""
    node = dict(node)
    if "$ref" in node:
        target = defs[node.pop("$ref").rsplit("/", 1)[1]]
        return _merge(target, defs) | node
    if node.get("x-kubernetes-int-or-string"):
        return node | {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    if node.get("x-kubernetes-preserve-unknown-fields"):
        node.pop("anyOf", None)
    choices = [choice for choice in node.pop("anyOf", []) if choice.get("type") != "null"]
    if choices:
        (only,) = choices
        return _merge(only, defs) | node
    return node


def _write_defaults(schema: Schema, model: type[BaseModel]) -> None:
    """Put each field's default into the schema, nested objects whole, absent ones left out."""
    for field in model.model_fields.values():
        part = schema["properties"][field.alias]
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            part["default"] = default.model_dump(mode="json", by_alias=True, exclude_none=True)
        elif default is not None:
            part["default"] = default
        _descend(part, field.annotation)


def _descend(part: Schema, annotation: Any) -> None:
    """Likewise of what the field holds: a part, one that may be absent, or some by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        _write_defaults(part, annotation)
    elif get_origin(annotation) is UnionType:
        for choice in get_args(annotation):
            _descend(part, choice)
    elif get_origin(annotation) is dict:
        _descend(part.get("additionalProperties", {}), get_args(annotation)[1])


def _column(name: str, path: str, *, kind: str = "string", wide: bool = False) -> Schema:
    priority = {"priority": 1} if wide else {}
    return {"name": name, "type": kind, "jsonPath": path} | priority


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


def columns() -> list[Schema]:
    """What `kubectl get` prints."""
    return [
        _column("Ready", _ready("status")),
        _column("Status", _ready("reason")),
        _column("Revision", ".status.stable.revision"),
        _column("Replicas", ".status.pods"),
        _column("Queue", ".status.scaling.queueDepth", kind="integer"),
        _column("Accuracy", ".status.accuracy.value", kind="number"),
        _column("Age", ".metadata.creationTimestamp", kind="date"),
        _column("URL", ".status.url", wide=True),
        _column("Checkpoint", ".spec.checkpoint.uri", wide=True),
    ]


def definition() -> Schema:
    """The whole CustomResourceDefinition."""
    status = structural(Status) | {"default": {"observedGeneration": -1}}
    schema = {
        "type": "object",
        "description": "A TensorFlow model that is frozen, rolled out and kept serving.",
        "required": ["spec"],
        "x-kubernetes-validations": [_NAME_RULE],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(Spec),
            "status": status,
        },
    }
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": columns(),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"modeldeployments.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": "modeldeployments",
                "singular": "modeldeployment",
                "shortNames": ["mdep"],
                "categories": ["all"],
            },
            "versions": [version],
        },
    }


def rendered() -> str:
    """The file's text."""
    header = "# Generated from operator/frazil_operator/api.py: python -m frazil_operator.crd\n"
    unshared = json.loads(json.dumps(definition()))  # else YAML writes anchors and aliases
    return header + yaml.safe_dump(unshared, sort_keys=False, width=100)


if __name__ == "__main__":
    sys.stdout.write(rendered())
