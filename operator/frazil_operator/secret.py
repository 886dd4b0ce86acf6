"""Secrets that the operator writes and never reads."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from frazil_operator.cluster import ApiError, Cluster, TakenError
from frazil_operator.observed import Object


def secret_object(namespace: str, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """An Opaque Secret of these texts."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "frazil"},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


async def write(cluster: Cluster, secret: Object, advice: str) -> None:
    """Apply a Secret. Without force, which changes our own fields and nobody else's: TakenError
    where it is somebody else's, with ``advice`` what to do about it."""
    try:
        await cluster.apply(secret, force=False)
    except ApiError as error:
        if error.status != 409:
            raise
        # The conflict names fields and who wrote them.
        name, namespace = secret["metadata"]["name"], secret["metadata"]["namespace"]
        said = f"the Secret {name} in {namespace} holds what Frazil did not write ({error.message})"
        raise TakenError(409, f"{said}: {advice}") from error
