"""Pure: how many pods there shall be, rollouts left aside."""

from __future__ import annotations

from collections.abc import Iterable

from frazil_operator import names
from frazil_operator.api import Spec
from frazil_operator.autoscale.decide import Rules, within
from frazil_operator.observed import Object, Scaling
from frazil_operator.plan import network


def rules(spec: Spec) -> Rules:
    """What the spec says of it."""
    scaling = spec.scaling
    return Rules(
        least=scaling.min_replicas,
        most=scaling.max_replicas,
        utilization=scaling.target_utilization,
        wait_seconds=scaling.target_wait_seconds,
        scale_in_seconds=scaling.scale_in_window_seconds,
        fixed=spec.replicas,
    )


def size(spec: Spec, scaling: Scaling | None, last: int) -> int:
    """The size: what the spec fixes, else what the load calls for, else what it was before."""
    if spec.replicas is not None:
        return spec.replicas
    return within(rules(spec), last if scaling is None else scaling.pods)


def last_size(model: str, children: Iterable[Object]) -> int:
    """The size that was decided last, as the stable revision's Deployment remembers it; 0 where
    there is none."""
    objects = {(body["kind"], body["metadata"]["name"]): body for body in children}
    traffic = network.traffic(objects.get(("Service", names.service(model))))
    name = names.revision(model, traffic.stable) if traffic else ""
    deployment = objects.get(("Deployment", name))
    if deployment is None:
        return 0
    told = (deployment["metadata"].get("annotations") or {}).get(names.SIZE, "")
    return int(told) if told.isdigit() else int(deployment["spec"].get("replicas", 1))
