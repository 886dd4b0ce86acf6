"""What a change of a field of the spec leads to: said beside each, and asked by every hash."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from frazil_operator.corev1 import Part


class Acts(Enum):
    """What a change of a field of the spec leads to. Every field has exactly one."""

    ON_ARTIFACT = "freezes the checkpoint again"
    ON_JOB = "replaces a freeze Job that has not finished"
    ON_EVALUATION = "evaluates again and restarts nothing"
    ON_REVISION = "rolls out another revision"
    ON_POLICY = "goes out to the pods that run and restarts nothing"
    AT_ONCE = "acts at once and restarts nothing"


def acting(part: Part, what: Acts) -> dict[str, Any]:
    """The fields of ``part`` that act so and differ from their default, as JSON for a hash.

    Leaving defaults out means that a field which a later version adds changes no hash.
    """
    fields = {name for name, info in type(part).model_fields.items() if what in info.metadata}
    return part.model_dump(
        mode="json", by_alias=True, include=fields, exclude_defaults=True, exclude_none=True
    )


def acting_parts(parts: Mapping[str, Part], what: Acts) -> dict[str, Any]:
    """The same of each of the parts; those of which nothing acts so are left out."""
    found = {name: acting(part, what) for name, part in parts.items()}
    return {name: fields for name, fields in found.items() if fields}
