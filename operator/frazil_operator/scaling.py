"""Pure: what the status tells of a fleet's size and load."""

from __future__ import annotations

from frazil_operator.api import Spec
from frazil_operator.api_status import ScalingStatus
from frazil_operator.conditions import Check
from frazil_operator.observed import Observed, Scaling

_UNREACHABLE = (
    "no pod has told its load for 30 s, so the size stays as it is: look whether a NetworkPolicy "
    "keeps the operator's namespace from the pods' port 8081"
)


def told(spec: Spec, size: int, observed: Observed) -> ScalingStatus:
    """The size, why, and the load as it is now; as it was told before, where nobody has looked."""
    was = (observed.model.get("status") or {}).get("scaling") or {}
    same = was.get("desired") == size
    now = observed.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    last = was.get("lastScaleTime") if same or not was else now
    live = observed.scaling
    if live is None:
        reason = was.get("reason") if same and spec.replicas is None else _reason(spec, live)
        return ScalingStatus.model_validate(
            was | {"desired": size, "reason": reason, "lastScaleTime": last}
        )
    return ScalingStatus(
        desired=size,
        reason=_reason(spec, live),
        queue_depth=live.queued,
        ongoing=live.running,
        wait_seconds=live.wait_seconds,
        last_scale_time=last,
    )


def active(spec: Spec, live: Scaling | None) -> Check:
    """Whether the size follows the load."""
    if spec.replicas is not None:
        return Check("False", "FixedSize", fixed(spec.replicas))
    if live is not None and live.unreachable:
        return Check("False", "LoadUnreachable", _UNREACHABLE)
    least, most = spec.scaling.min_replicas, spec.scaling.max_replicas
    return Check("True", "FollowsLoad", f"the size follows the load, from {least} to {most} pods")


def fixed(replicas: int) -> str:
    """Why the size does not follow the load, and how it would."""
    return f"spec.replicas fixes the size at {replicas}; remove it to have the size follow the load"


def _reason(spec: Spec, live: Scaling | None) -> str | None:
    if spec.replicas is not None:
        return fixed(spec.replicas)
    return live.reason if live is not None else None
