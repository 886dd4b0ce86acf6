"""The seam between the imperative shell and the pure core: what was seen, what shall be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

Object = Mapping[str, Any]  # a Kubernetes object as the API server sends it


class Key(NamedTuple):
    """Which model."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the load calls for: how many ``pods``, and why; and the load as the status is to tell
    it. ``unreachable``: there are pods that serve, and for long none has told its load."""

    pods: int
    reason: str
    queued: int = 0
    running: int = 0
    wait_seconds: float = 0.0
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model's accuracy has come to: its ``value`` over ``samples`` labels (None: unknown) by
    ``source``, Evaluation or Feedback; whether answers are ``caching``, and in which ``epoch``;
    and the ``memory`` that is to be written, by the ConfigMap's keys."""

    value: float | None
    samples: int
    source: str
    caching: bool
    epoch: int
    memory: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Observed:
    """All that one decision may look at: one gather, then pure code.

    ``children`` holds what carries the model's label, of the kinds that the operator makes (Job,
    ControllerRevision, Deployment, Service, PodDisruptionBudget, ConfigMap), live. ``foreign``
    holds objects that bear a name the model needs and belong to somebody else. ``pods`` are those
    with the model's label (serving pods and the freeze Job's). ``running_freezes`` counts the
    unsuspended, unfinished freeze Jobs of the whole cluster, ``freezes_ahead`` those of other
    models that come before this one's. ``refused`` is what the API server had against
    a child that was just to be applied, as a quota or an admission policy; ``store_error`` is why
    the embedded store gave the namespace no accounts. With one of them only the plan's status and
    events are used, and all is tried again later. ``scaling`` is None until the load was looked at,
    ``measured`` until the accuracy was, or where none is asked for. ``isolated``: somebody's
    NetworkPolicy selects the model's pods.
    """

    model: Object
    now: datetime
    children: tuple[Object, ...] = ()
    foreign: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    running_freezes: int = 0
    freezes_ahead: int = 0
    refused: str = ""
    store_error: str = ""
    scaling: Scaling | None = None
    measured: Measured | None = None
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """One object to delete."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One sentence of the model's story, written when a transition happens."""

    type: str  # Normal | Warning
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order: apply (server-side, in order), delete, status, events.

    ``status`` is the whole desired status. ``requeue_after`` is seconds; None waits for the next
    event.
    """

    apply: tuple[Object, ...] = ()
    delete: tuple[Ref, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
