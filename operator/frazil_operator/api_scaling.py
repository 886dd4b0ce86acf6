"""ModelDeployment's ``spec.scaling`` as types: how the size follows the load."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from frazil_operator.acts import Acts
from frazil_operator.corev1 import Part, cel


class Scaling(Part):
    """How many pods serve, while spec.replicas does not say so."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.minReplicas <= self.maxReplicas",
                "there must be room to scale: minReplicas must not exceed maxReplicas",
            )
        )
    )

    min_replicas: Annotated[int, Field(ge=1, le=10000), Acts.AT_ONCE] = 1
    """The fewest pods, however little there is to do."""
    max_replicas: Annotated[int, Field(ge=1, le=10000), Acts.AT_ONCE] = 10
    """The most pods, however much there is to do."""
    target_utilization: Annotated[float, Field(ge=0.05, le=1), Acts.AT_ONCE] = 0.7
    """How busy the pods are to be under a steady load: the rest is for what comes unevenly."""
    target_wait_seconds: Annotated[float, Field(ge=0, le=3600), Acts.AT_ONCE] = 0.5
    """Requests may wait so long before pods are added for their sake."""
    scale_in_window_seconds: Annotated[float, Field(ge=0, le=86400), Acts.AT_ONCE] = 300
    """Pods go once so long fewer have been needed."""
