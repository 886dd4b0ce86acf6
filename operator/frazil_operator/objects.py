"""Pure: what is read off Kubernetes objects in more than one place."""

from __future__ import annotations

from collections.abc import Iterable

from frazil_operator import names
from frazil_operator.observed import Key, Object, Observed

REVISION = "ControllerRevision"


def key_of(body: Object) -> Key:
    """An object's own namespace and name."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def labels(body: Object) -> dict[str, str]:
    """An object's labels, {} where it has none."""
    return dict(body["metadata"].get("labels") or {})


def model_of(body: Object) -> Key | None:
    """The model that an object's label names."""
    name = labels(body).get(names.MODEL)
    return Key(body["metadata"]["namespace"], name) if name else None


def controller(body: Object) -> Object:
    """The owner reference of the controller, {} where nobody controls the object."""
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def is_controlled_by(body: Object, model: Object) -> bool:
    """Whether this very model, not only one of the same name, made the object."""
    return bool(controller(body).get("uid") == model["metadata"]["uid"])


def is_finished(job: Object) -> bool:
    """Whether a Job completed or failed for good."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def is_suspended(job: Object) -> bool:
    """Whether a Job waits for its turn."""
    return bool(job["spec"].get("suspend"))


def may_have_pods(child: Object) -> bool:
    """Whether a child is one that has pods now, or will have, or had a moment ago."""
    return child["kind"] == "Deployment" or (child["kind"] == "Job" and not is_suspended(child))


def needs_accounts(desired: Iterable[Object], observed: Observed) -> bool:
    """Whether the namespace may lack the store's Secrets: a first or next freeze, or a pod that
    says so. They are made then and at no other time, since they cannot be read."""
    known = {child["metadata"]["name"] for child in observed.children if child["kind"] == "Job"}
    new = any(body["kind"] == "Job" and body["metadata"]["name"] not in known for body in desired)
    return new or any(map(_lacks_store_secret, observed.pods))


def needs_keys(desired: Iterable[Object], observed: Observed) -> bool:
    """Whether the model may lack the Secret with its keys: a revision is new. They are made then
    and at no other time, since they cannot be read."""
    known = {body["metadata"]["name"] for body in observed.children if body["kind"] == REVISION}
    return any(b["kind"] == REVISION and b["metadata"]["name"] not in known for b in desired)


def _lacks_store_secret(pod: Object) -> bool:
    status = pod.get("status") or {}
    containers = (status.get("initContainerStatuses") or []) + (
        status.get("containerStatuses") or []
    )
    waiting = ((container.get("state") or {}).get("waiting") or {} for container in containers)
    return any(
        state.get("reason") == "CreateContainerConfigError" and secret in state.get("message", "")
        for state in waiting
        for secret in (names.STORE_READ, names.STORE_WRITE)
    )
