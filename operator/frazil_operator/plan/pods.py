"""Pure: what pods say of themselves, and whose fault it is when they do not serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from frazil_operator.observed import Object
from frazil_runtime.contract import USER_ERRORS, Exit, FreezeResult

PATIENCE = 10.0  # seconds that a pod may be unschedulable or without its image before it is news
CRASHES = 3  # restarts after which a revision on trial is unfit
MESSAGE_LIMIT = 1024  # characters of a container's last words

_IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


class Blame(Enum):
    """Whether another revision would help, or a better cluster."""

    MODEL = "the model"
    CLUSTER = "the cluster"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why pods do not serve: one CamelCase word, and what to do."""

    blame: Blame
    reason: str
    message: str


def is_terminating(pod: Object) -> bool:
    """Whether its deletion was asked for."""
    return "deletionTimestamp" in pod["metadata"]


def is_finished(pod: Object) -> bool:
    """Whether it came to its end: it has an exit code and serves nobody."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def answers(pod: Object) -> bool:
    """Whether its readiness probe holds; a terminating pod may still answer for a while."""
    ready = condition(pod, "Ready")
    return ready.get("status") == "True" and not is_finished(pod)


def is_ready(pod: Object) -> bool:
    """Whether a Service sends it traffic."""
    return answers(pod) and not is_terminating(pod)


def condition(body: Object, kind: str) -> Mapping[str, Any]:
    """The object's condition of this type; empty where there is none."""
    conditions = body.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind), {})


def created(body: Object) -> datetime:
    """When the API server took the object in, to the second."""
    return instant(body["metadata"]["creationTimestamp"])


def age(pod: Object, now: datetime) -> float:
    """Seconds since the pod was created."""
    return (now - created(pod)).total_seconds()


def instant(text: str) -> datetime:
    """An RFC 3339 time of the API server."""
    return datetime.fromisoformat(text)


def terminations(pod: Object) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    """Each container's last end: its name, the ``terminated`` state, how often it restarted."""
    status = pod.get("status", {})
    for container in _containers(status):
        for state in ("state", "lastState"):
            if ended := (container.get(state) or {}).get("terminated"):
                yield container["name"], ended, container.get("restartCount", 0)
                break


def crash(pods: Iterable[Object], *, memory: str, patience: int = CRASHES) -> Fault | None:
    """What the containers' ends say; ``memory`` is the field that gives them more of it.

    ``patience`` is after how many restarts an end of no known meaning is the model's fault.
    """
    for pod in pods:
        if is_terminating(pod) or is_ready(pod):
            continue
        for name, ended, restarts in terminations(pod):
            done = ended.get("exitCode") == 0 and restarts == 0  # an init container
            if found := _judge(name, ended, memory, final=restarts >= patience and not done):
                return found
    return None


def obstacle(pods: Iterable[Object], now: datetime) -> Fault | None:
    """What keeps the cluster from running the pods: no node, no image, no Secret."""
    for pod in pods:
        if is_terminating(pod) or is_finished(pod) or age(pod, now) < PATIENCE:
            continue
        scheduled = condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            reason = scheduled.get("reason", "Unschedulable")
            return Fault(Blame.CLUSTER, reason, f"no node fits: {scheduled.get('message', '')}")
        for container in _containers(pod.get("status", {})):
            waiting = (container.get("state") or {}).get("waiting") or {}
            if found := _waiting(container, waiting):
                return found
    return None


def last_words(ended: Mapping[str, Any]) -> tuple[str, str]:
    """The reason ("" for none) and text in a termination message: a result's, or the last lines."""
    text = (ended.get("message") or "").strip()
    result = FreezeResult.from_json(text)
    if result is not None and result.reason:
        return result.reason, result.message
    return "", text[-MESSAGE_LIMIT:]


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _judge(name: str, ended: Mapping[str, Any], memory: str, *, final: bool) -> Fault | None:
    """Whose fault a container's end is.

    ==========================================  ==================================
    OOMKilled                                   the model's
    an exit code that the user must act on      the model's
    the exit code of the infrastructure         the cluster's
    any other, as 1 of an exception that nobody
    expected, after it was tried often enough   the model's
    ==========================================  ==================================
    """
    code = ended.get("exitCode", 0)
    reason, text = last_words(ended)
    said = f": {text}" if text else ""
    # A limit below what even starting takes ends in runc, which only says so in words.
    if ended.get("reason") == "OOMKilled" or "OOM-killed" in text:
        advice = f"container {name} needed more memory than it has; raise {memory}"
        return Fault(Blame.MODEL, "OOMKilled", advice + said)
    if code in USER_ERRORS:
        return Fault(Blame.MODEL, reason or Exit(code).reason, text or f"exit code {code}")
    if code == Exit.RETRY:
        return Fault(Blame.CLUSTER, reason or "StartFailed", f"container {name} failed{said}")
    if final:
        crashed = f"container {name} keeps ending with exit code {code}"
        return Fault(Blame.MODEL, reason or "CrashLoop", crashed + said)
    return None


def _waiting(container: Mapping[str, Any], waiting: Mapping[str, Any]) -> Fault | None:
    reason, text = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _IMAGE_REASONS:
        message = f"the image {container.get('image', '')} cannot be pulled: {text}"
        return Fault(Blame.CLUSTER, "ImagePull", message)
    if reason in _CONFIG_REASONS:
        return Fault(Blame.CLUSTER, reason, f"container {container['name']}: {text}")
    return None
