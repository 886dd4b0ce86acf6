"""Pure: objects in the way that bear a name the model needs and belong to somebody else."""

from __future__ import annotations

from dataclasses import dataclass

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.objects import controller
from frazil_operator.observed import Object, Observed


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is in the way; ``final`` where it does not go away by itself."""

    reason: str
    message: str
    final: bool


def conflict(model: Model, observed: Observed) -> Conflict | None:
    """The first object in the way. Nothing is touched while there is one."""
    others = (b for b in observed.children if controller(b).get("uid") != model.uid)
    for body in (*observed.foreign, *others):
        if _is_former(model, body):
            message = "the children of a deleted model of the same name are still being removed"
            return Conflict("WaitingForDeletion", message, final=False)
    for body in observed.foreign:
        kind, name = body["kind"], body["metadata"]["name"]
        message = (
            f"there is a {kind} {name} in this namespace that is not this model's: "
            f"rename the model, or delete the {kind}"
        )
        return Conflict("NameConflict", message, final=True)
    return None


def _is_former(model: Model, body: Object) -> bool:
    """Whether it belonged to a model of this name that is no more."""
    owner = controller(body)
    return owner.get("kind") == names.KIND and owner.get("name") == model.name
