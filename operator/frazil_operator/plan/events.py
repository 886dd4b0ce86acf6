"""Pure: the sentences of a model's story, told when the status shows a transition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from frazil_operator.observed import Event

Status = Mapping[str, Any]
ALONE = (
    "One pod serves: draining its node interrupts the model until another is ready. "
    "With scaling.minReplicas of 2 or more a drain interrupts nothing"
)


def story(before: Status, after: Status, *, first: bool = False) -> tuple[Event, ...]:
    """What happened between two statuses, in order. ``first``: no other revision ever served."""
    return (
        *_recovered(before, after),
        *_frozen(before, after),
        *_rolled(before, after, first=first),
        *_scaled(before, after),
        *_unreachable(before, after),
        *_evaluated(before, after),
        *_stopped(before, after),
    )


def _recovered(before: Status, after: Status) -> Iterator[Event]:
    was, now = _condition(before, "Ready"), _condition(after, "Ready")
    if was.get("status") == "False" and now["status"] == "True":
        yield Event("Normal", "Recovered", f"No longer {was['reason']}")


def _frozen(before: Status, after: Status) -> Iterator[Event]:
    was, now = _condition(before, "Frozen"), _condition(after, "Frozen")
    if now.get("reason") == "Freezing" and was.get("reason") not in ("Freezing", "Queued"):
        yield Event("Normal", "FreezeStarted", "Freezing the checkpoint")
    if now.get("reason") == "Queued" and was.get("reason") != "Queued":
        yield Event("Normal", "FreezeQueued", str(now["message"]))
    if now.get("status") == "True" and was.get("message") != now["message"]:
        yield Event("Normal", "Frozen", str(now["message"]))


def _rolled(before: Status, after: Status, *, first: bool) -> Iterator[Event]:
    candidate, stable = _revision(after, "candidate"), _revision(after, "stable")
    if candidate and candidate != _revision(before, "candidate"):
        place = f", in place of {stable}" if stable else ""
        yield Event("Normal", "RolloutStarted", f"Rolling out revision {candidate}{place}")
    if stable and stable != _revision(before, "stable"):
        message = f"Revision {stable} has the traffic: {after['stable']['checkpoint']}"
        yield Event("Normal", "RolloutCompleted", message)
        if first and after["stable"]["replicas"] == 1:
            yield Event("Normal", "SingleReplica", ALONE)
    if _revision(after, "rejected") and after["rejected"] != before.get("rejected"):
        meanwhile = f"; revision {stable} goes on serving" if stable else ""
        message = f"{after['rejected']['reason']}: {after['rejected']['message']}{meanwhile}"
        yield Event("Warning", "Rejected", message)


def _scaled(before: Status, after: Status) -> Iterator[Event]:
    was, now = (status.get("scaling") or {} for status in (before, after))
    if was and now and was["desired"] != now["desired"] > 0:  # no pods: that is Parked
        message = f"From {was['desired']} to {now['desired']} pods: {now.get('reason', '')}"
        yield Event("Normal", "Scaled", message)


def _unreachable(before: Status, after: Status) -> Iterator[Event]:
    was, now = _condition(before, "ScalingActive"), _condition(after, "ScalingActive")
    if now.get("reason") == "LoadUnreachable" != was.get("reason"):
        yield Event("Warning", "LoadUnreachable", str(now["message"]))


def _evaluated(before: Status, after: Status) -> Iterator[Event]:
    worth = after.get("accuracy") or {}
    if worth.get("source") == "Evaluation" and worth != before.get("accuracy"):
        message = f"Worth {worth['value']:.4g} on the {worth['samples']} samples of spec.evaluation"
        yield Event("Normal", "Evaluated", message)


def _stopped(before: Status, after: Status) -> Iterator[Event]:
    was, now = _condition(before, "Ready"), _condition(after, "Ready")
    if now["status"] == "False" and "rejected" not in after and _kind(was) != _kind(now):
        frozen = _condition(after, "Frozen")
        word = "FreezeFailed" if _kind(frozen) == _kind(now) else "Stalled"
        yield Event("Warning", word, f"{now['reason']}: {now['message']}")
    if now["reason"] == "Parked" and was.get("reason") != "Parked":
        yield Event("Normal", "Parked", str(now["message"]))


def _condition(status: Status, kind: str) -> Mapping[str, Any]:
    conditions = status.get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind), {})


def _kind(condition: Mapping[str, Any]) -> tuple[str, str]:
    return condition.get("status", ""), condition.get("reason", "")


def _revision(status: Status, which: str) -> str:
    return str((status.get(which) or {}).get("revision", ""))
