"""Pure: one sentence of a model's story as a Kubernetes Event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from frazil_operator import names
from frazil_operator.observed import Event, Object

MAX_MESSAGE: Final = 1024  # characters; the API server refuses longer ones


def event_object(model: Object, event: Event, now: datetime) -> dict[str, Any]:
    """A core/v1 Event, with the times of both generations of clients."""
    metadata = model["metadata"]
    seconds = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    regarding = {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "namespace": metadata["namespace"],
            "generateName": f"{metadata['name']}.",
        },
        "involvedObject": {"apiVersion": names.API_VERSION, "kind": names.KIND, **regarding},
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:MAX_MESSAGE],
        "action": "Reconcile",
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": f"{names.GROUP}/operator",
        "reportingInstance": names.FIELD_MANAGER,
    }
