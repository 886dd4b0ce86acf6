"""ModelDeployment's status as types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from frazil_operator.corev1 import Part, keyed_by
from frazil_runtime import contract


class StableStatus(Part):
    """The revision that has the traffic."""

    revision: str
    artifact: str
    checkpoint: str
    """The URI it was frozen from."""
    replicas: int
    """Its ready pods."""


class CandidateStatus(Part):
    """The revision that is being rolled out."""

    revision: str
    artifact: str
    step: str
    """How far it is, as '1/3': ready pods of those wanted."""
    since: str
    """When it was started."""


class RejectedStatus(Part):
    """The revision that the spec asks for and that proved unfit."""

    revision: str
    reason: str
    message: str


class ScalingStatus(Part):
    """How many pods there shall be, why, and the load as it was told last."""

    desired: int
    reason: str | None = None
    """What it was decided from, in numbers."""
    queue_depth: int | None = None
    """Requests that wait, of all pods together."""
    ongoing: int | None = None
    """Requests that are being run."""
    wait_seconds: float | None = None
    """How long the last in line waits, where that is longest."""
    last_scale_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When the number of pods was changed last."""


class AccuracyStatus(Part):
    """What the revision that has the traffic is worth."""

    value: float | None = None
    """As its metric has it: a share, or a mean error."""
    samples: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """How many labelled rows it was measured on."""
    source: Literal["Evaluation", "Feedback"] | None = None
    """Evaluation: spec.evaluation, before it served."""
    epoch: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """How often the output cache was told to forget."""
    caching: bool | None = None
    """Whether answers are cached."""


class Condition(Part):
    """One aspect of the state, as metav1.Condition."""

    type: Annotated[
        str,
        Field(
            max_length=316,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        ),
    ]
    status: Literal["True", "False", "Unknown"]
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""
    reason: Annotated[
        str,
        Field(min_length=1, max_length=contract.REASON_LIMIT, pattern=f"^{contract.REASON}$"),
    ]
    message: Annotated[str, Field(max_length=32768)]


class Status(Part):
    """What is; a projection of the children that can be wiped at any time."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    """The generation of the spec that this status speaks of."""
    replicas: int | None = None
    """The model's serving pods, those of all revisions together."""
    pods: str | None = None
    """How many of them are ready, and how many there shall be, as '2/3'."""
    selector: str | None = None
    """Selects the serving pods, for autoscalers and `kubectl scale`."""
    url: str | None = None
    """Where clients inside the cluster reach the model."""
    stable: StableStatus | None = None
    candidate: CandidateStatus | None = None
    rejected: RejectedStatus | None = None
    scaling: ScalingStatus | None = None
    accuracy: AccuracyStatus | None = None
    conditions: Annotated[list[Condition], Field(json_schema_extra=keyed_by("type"))] | None = None
    """Accepted, Frozen, Available, Progressing, Ready, ScalingActive; and Stalled while a person
    must act."""
