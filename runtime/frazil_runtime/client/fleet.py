"""PURE. All models at a glance: a row each, of what its status says and its operator measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from frazil_runtime.client.samples import duration

Object = Mapping[str, Any]
Figures = Mapping[str, float]  # one model's, by the metric's name without its prefix
Live = Mapping[tuple[str, str], Figures]  # by namespace and name

COLUMNS: Final = (
    *("NAMESPACE", "NAME", "READY", "STATUS", "QUEUE", "WAIT", "P99", "REQ/S", "HIT%"),
    *("ACCURACY", "STEP", "REVISION"),
)
_PREFIX: Final = "frazil_model_"
_UNKNOWN: Final = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One model; None is what nobody tells.

    ``ready`` of ``desired`` pods serve. ``queue`` requests wait, the last of them ``wait_seconds``.
    ``hit_share`` of the requests were answered from the output cache. ``step`` is how far the
    rollout of ``revision`` is, None where that has the traffic.
    """

    namespace: str
    name: str
    ready: int | None
    desired: int | None
    status: str | None
    queue: int | None
    wait_seconds: float | None
    latency_p99_seconds: float | None
    requests_per_second: float | None
    hit_share: float | None
    accuracy: float | None
    step: str | None
    revision: str | None


def live(metrics: str) -> Live:
    """Each model's figures in what the operator exposes; ValueError where it is no such text."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    try:
        families = list(text_string_to_metric_families(metrics))
    except (ValueError, LookupError) as error:
        raise ValueError("what answers in the operator's place tells no metrics") from error
    for family in families:
        for sample in family.samples if family.name.startswith(_PREFIX) else ():
            key = sample.labels.get("namespace", ""), sample.labels.get("model", "")
            found.setdefault(key, {})[sample.name.removeprefix(_PREFIX)] = sample.value
    return found


def rows(models: Iterable[Object], live: Live) -> list[Row]:
    """By namespace and name; where there are no live figures, with those of the status."""
    found = [_row(model, live) for model in models]
    return sorted(found, key=lambda row: (row.namespace, row.name))


def _row(model: Object, live: Live) -> Row:
    namespace, name = model["metadata"]["namespace"], model["metadata"]["name"]
    status = model.get("status") or {}
    figures = live.get((namespace, name)) or _told(status)
    candidate = status.get("candidate") or {}
    rate, hits = figures.get("requests_per_second"), figures.get("cache_hits_per_second", 0.0)
    return Row(
        namespace=namespace,
        name=name,
        ready=_whole(figures.get("ready_pods")),
        desired=_whole(figures.get("desired_pods")),
        status=_reason(status),
        queue=_whole(figures.get("queue_depth")),
        wait_seconds=figures.get("wait_seconds"),
        latency_p99_seconds=figures.get("latency_p99_seconds") or None,  # 0: nothing was answered
        requests_per_second=rate,
        hit_share=hits / rate if rate else None,
        accuracy=(status.get("accuracy") or {}).get("value"),
        step=candidate.get("step"),
        revision=(candidate or status.get("stable") or {}).get("revision"),
    )


def _reason(status: Object) -> str | None:
    """The one word that `kubectl get` shows as STATUS."""
    conditions = status.get("conditions") or ()
    return next((each["reason"] for each in conditions if each["type"] == "Ready"), None)


def _told(status: Object) -> Figures:
    """The figures that a status has, by the same names."""
    scaling = status.get("scaling") or {}
    ready, _, desired = (status.get("pods") or "").partition("/")
    said = {
        "ready_pods": int(ready) if ready.isdigit() else None,
        "desired_pods": int(desired) if desired.isdigit() else None,
        "queue_depth": scaling.get("queueDepth"),
        "wait_seconds": scaling.get("waitSeconds"),
    }
    return {name: figure for name, figure in said.items() if figure is not None}


def _whole(figure: float | None) -> int | None:
    return None if figure is None else int(figure)


def cells(row: Row) -> tuple[str, ...]:
    """A text for each of COLUMNS."""
    return (
        row.namespace,
        row.name,
        f"{_text(row.ready)}/{_text(row.desired)}",
        _text(row.status),
        _text(row.queue),
        _seconds(row.wait_seconds),
        _seconds(row.latency_p99_seconds),
        _rate(row.requests_per_second),
        _UNKNOWN if row.hit_share is None else f"{100 * row.hit_share:.0f}",
        _UNKNOWN if row.accuracy is None else f"{row.accuracy:.3f}",
        _text(row.step),
        _text(row.revision),
    )


def _text(value: object) -> str:
    return _UNKNOWN if value is None else str(value)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return _UNKNOWN
    return duration(seconds) if seconds else "0"


def _rate(rate: float | None) -> str:
    if rate is None:
        return _UNKNOWN
    return f"{rate:,.0f}" if rate >= 100 or not rate else f"{rate:.1f}"
