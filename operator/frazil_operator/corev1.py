"""The pieces of core/v1 that the spec takes over, and how they are said in a CRD's schema."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from frazil_operator.quantity import amount


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Validation by the API server: pairs of a CEL expression and what to tell the user."""
    return {"x-kubernetes-validations": [{"rule": r, "message": m} for r, m in rules]}


def keyed_by(*keys: str) -> dict[str, Any]:
    """A list whose items are told apart by these fields, for server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def _bytes(value: int | str) -> int | str:
    """A quantity of bytes as it was written; ValueError where it is none."""
    if bytes_of(value) < 0:
        raise ValueError("must be a number of bytes from 0 on, such as 256Mi")
    return value


def bytes_of(value: int | str) -> int:
    """How many bytes a quantity is, rounded up; below 0 for what is no such amount."""
    found = amount(value)
    return -1 if found is None else math.ceil(found)


ATOMIC = {"x-kubernetes-list-type": "atomic"}
OPAQUE = {"x-kubernetes-preserve-unknown-fields": True}
QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)

_AMOUNT = {"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32}

Quantity = Annotated[int | str, Field(json_schema_extra=_AMOUNT)]
Bytes = Annotated[
    int | str,
    AfterValidator(_bytes),
    Field(
        json_schema_extra=_AMOUNT
        | cel(
            (
                "quantity(string(self)).compareTo(quantity('0')) >= 0",
                "must be a number of bytes from 0 on, such as 256Mi",
            )
        )
    ),
]
Opaque = Annotated[dict[str, Any], Field(json_schema_extra=OPAQUE)]
Text = Annotated[str, Field(max_length=1024)]
StringMap = Annotated[dict[str, Text], Field(max_length=256)]
FeedValue = Annotated[bool | int | float | str, Field(json_schema_extra=OPAQUE)]


class Part(BaseModel):
    """A piece of the resource: camelCase on the wire, immutable here, docstrings as descriptions.

    What a newer CRD adds is ignored, so that an older operator keeps working beside it.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )


class ResourceRequirements(Part):
    """Compute resources of a container, as in core/v1."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.requests) || !has(self.limits) || self.requests.all(k, "
                "!(k in self.limits) || quantity(string(self.requests[k]))"
                ".compareTo(quantity(string(self.limits[k]))) <= 0)",
                "a request must not exceed its limit",
            )
        )
    )

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What is reserved on the node."""
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What is never exceeded."""


class Toleration(Part):
    """A taint that the pods tolerate, as in core/v1."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class LocalObjectReference(Part):
    """The name of an object in the model's own namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]


class EnvVar(Part):
    """An environment variable, as in core/v1."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    value: str | None = None
    """The value; `$(NAME)` refers to an earlier variable."""
    value_from: Opaque | None = None
    """Where the value comes from: fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef."""


class TopologySpreadConstraint(Part):
    """How the pods spread over nodes or zones, as in core/v1."""

    max_skew: Annotated[int, Field(ge=1)]
    topology_key: Annotated[str, Field(min_length=1)]
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    label_selector: Opaque | None = None
    """Which pods are counted; without it, this model's serving pods."""
    min_domains: Annotated[int, Field(ge=1)] | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    match_label_keys: Annotated[list[str], Field(json_schema_extra=ATOMIC)] | None = None


Tolerations = Annotated[list[Toleration], Field(json_schema_extra=ATOMIC)]
PullSecrets = Annotated[list[LocalObjectReference], Field(json_schema_extra=keyed_by("name"))]
Spread = Annotated[
    list[TopologySpreadConstraint],
    Field(json_schema_extra=keyed_by("topologyKey", "whenUnsatisfiable")),
]
Env = Annotated[
    list[EnvVar],
    Field(
        max_length=128,
        json_schema_extra=keyed_by("name")
        | cel(
            (
                "self.all(e, !e.name.startsWith('FRAZIL_'))",
                "names that begin with FRAZIL_ are the operator's",
            )
        ),
    ),
]
