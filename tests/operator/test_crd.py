"""The generated CustomResourceDefinition. What the real API server says of it: tests/e2e."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from frazil_operator import crd
from frazil_operator.api import Spec

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

# What a structural schema may not have (KEP-1979 and the OpenAPI 3.0 of the API server).
FORBIDDEN = {"$ref", "$defs", "allOf", "oneOf", "const", "nullable", "title", "uniqueItems"}


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the schema, with where it stands."""
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from nodes(part, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in node:
            yield from nodes(node[inner], f"{path}[]")


ALL = dict(nodes(SCHEMA))


def at(path: str) -> dict[str, Any]:
    return ALL[path]


def test_the_file_is_what_the_types_say() -> None:
    """Else: python -m frazil_operator.crd > crds/modeldeployments.yaml"""
    assert (ROOT / "crds" / "modeldeployments.yaml").read_text(encoding="utf-8") == crd.rendered()


def test_every_list_says_how_it_is_merged() -> None:
    lists = {path: node for path, node in ALL.items() if node.get("type") == "array"}
    assert lists
    for path, node in lists.items():
        assert node.get("x-kubernetes-list-type") in ("atomic", "map", "set"), path


def test_every_rule_tells_the_user_what_to_do() -> None:
    for path, node in ALL.items():
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"], path


def test_the_schema_is_structural() -> None:
    for path, node in ALL.items():
        assert not FORBIDDEN & node.keys(), path
        opaque = "x-kubernetes-preserve-unknown-fields" in node
        assert "type" in node or opaque or "x-kubernetes-int-or-string" in node, path


def test_every_field_of_the_spec_is_described() -> None:
    own = [p for p in ALL if p.startswith(".spec.") and p.count(".") == 3 and "[]" not in p]
    own += [p for p in ALL if p.startswith((".spec.cache.", ".spec.inputs[]."))]
    own = [path for path in own if not path.endswith("[]")]
    assert [path for path in own if "description" not in ALL[path]] == []


@pytest.mark.parametrize(
    ("path", "default"),
    [
        (".status", {"observedGeneration": -1}),
        (".spec.freeze.resources", {"requests": {"cpu": "500m", "memory": "1Gi"}}),
        (".spec.serving.resources", {"requests": {"cpu": "250m", "memory": "256Mi"}}),
        (".spec.batching", {"maxBatchSize": 32, "maxDelayMilliseconds": 0}),
        (
            ".spec.queue",
            {
                "order": "SmallestFirst",
                "agingSeconds": 5,
                "maxWaitSeconds": 1,
                "maxBytes": "256Mi",
                "maxRequestBytes": "64Mi",
            },
        ),
        (
            ".spec.cache",
            {
                "inputs": {"maxBytes": "256Mi"},
                "outputs": {
                    "mode": "Accuracy",
                    "minAccuracy": 0.8,
                    "expireOnChange": 0.02,
                    "maxBytes": "256Mi",
                },
            },
        ),
        (".spec.inputs", {}),
        (".spec.inputs[].image.mean", [0]),
        (".spec.inputs[].image.channels", 3),
        (".spec.inputs[].fetch.allow", []),
        (".spec.service", {"type": "ClusterIP", "annotations": {}, "labels": {}}),
        (
            ".spec.rollout",
            {
                "strategy": "Rolling",
                "maxSurge": "25%",
                "progressDeadlineSeconds": 600,
                "revisionHistory": 2,
            },
        ),
        (".spec.checkpoint.tags", ["serve"]),
    ],
)
def test_defaults_of_objects_are_written_out_whole(path: str, default: object) -> None:
    assert at(path)["default"] == default


def test_a_default_in_the_schema_is_the_default_in_the_types() -> None:
    minimum = {"checkpoint": {"uri": "s3://a/b"}}
    filled = _filled(at(".spec"), minimum)
    assert Spec.model_validate(filled) == Spec.model_validate(minimum)


def test_what_has_no_default_is_absent_and_never_null() -> None:
    assert "default" not in at(".spec.replicas")
    assert all(node.get("default", 0) is not None for node in ALL.values())


def test_kubectl_scale_finds_what_it_needs() -> None:
    scale = crd.definition()["spec"]["versions"][0]["subresources"]["scale"]
    for path in scale.values():
        assert path in ALL


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name
)
def test_an_example_is_valid(example: Path) -> None:
    body = yaml.safe_load(example.read_text(encoding="utf-8"))
    spec = Spec.model_validate(body["spec"])
    assert spec.checkpoint.uri.startswith("s3://")
    written = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert written == body["spec"], "a field that there is not, or one set to its default"


def _filled(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The API server's defaulting, of objects."""
    value = dict(value)
    for name, part in schema.get("properties", {}).items():
        if name not in value and "default" in part:
            value[name] = part["default"]
        if isinstance(value.get(name), dict):
            value[name] = _filled(part, value[name])
    return value
