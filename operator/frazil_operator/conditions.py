"""Pure: checks as metav1.Condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from frazil_operator.observed import Object, Observed


class Check(NamedTuple):
    """One aspect of the state: True, False or Unknown, a CamelCase word, and what to do."""

    status: str
    reason: str
    message: str


def conditions(checks: Mapping[str, Check], observed: Observed) -> list[dict[str, Any]]:
    """As metav1.Condition; the time of the last transition is kept unless the status flips."""
    known = {c["type"]: c for c in told(observed.model)}
    now = observed.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    generation = observed.model["metadata"].get("generation", 0)

    def written(kind: str, check: Check) -> dict[str, Any]:
        old: Mapping[str, Any] = known.get(kind, {})
        same = old.get("status") == check.status
        return {
            "type": kind,
            "status": check.status,
            "observedGeneration": generation,
            "lastTransitionTime": old["lastTransitionTime"] if same else now,
            "reason": check.reason,
            "message": check.message,
        }

    return [written(kind, check) for kind, check in _with_stalled(checks)]


def _with_stalled(checks: Mapping[str, Check]) -> Iterator[tuple[str, Check]]:
    yield from checks.items()
    ready = checks["Ready"]
    if ready.status == "False":
        yield "Stalled", Check("True", ready.reason, ready.message)


def told(body: Object) -> Iterable[Mapping[str, Any]]:
    """The conditions that the status has."""
    return (body.get("status") or {}).get("conditions") or ()
