"""The serving pods of all models, as far as they can be asked for their load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from frazil_operator import names
from frazil_operator.objects import labels, model_of
from frazil_operator.observed import Key, Object
from frazil_operator.plan.pods import is_finished, is_ready


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod's address, and whether it should answer: one that starts, or ends, need not."""

    address: str
    serves: bool


_NONE: Final[Mapping[str, Pod]] = {}


class Pods:
    """What the API server tells of serving pods, kept by model and UID."""

    def __init__(self) -> None:
        self._models: dict[Key, dict[str, Pod]] = {}

    def of(self, key: Key) -> Mapping[str, Pod]:
        """A model's pods by UID; those without an address are not among them."""
        return self._models.get(key, _NONE)

    def models(self) -> list[Key]:
        """All that have pods."""
        return list(self._models)

    def observe(self, body: Object, *, deleted: bool = False) -> set[Key]:
        """Take in one pod; returns the model that it is news for, if any."""
        key = model_of(body)
        if key is None:
            return set()
        uid, pod = body["metadata"]["uid"], None if deleted else _pod(body)
        if pod == self.of(key).get(uid):
            return set()
        if pod is None:
            self._forget(key, uid)
        else:
            self._models.setdefault(key, {})[uid] = pod
        return {key}

    def replace(self, kind: str, bodies: Iterable[Object], version: str) -> set[Key]:
        """Take in all pods as listed, forget the others; returns the models it is news for."""
        del kind, version  # a watch begins where the list ends: nothing newer can be known
        bodies = list(bodies)
        present = {body["metadata"]["uid"] for body in bodies}
        gone = [(k, uid) for k, pods in self._models.items() for uid in pods if uid not in present]
        for key, uid in gone:
            self._forget(key, uid)
        return {key for key, _ in gone}.union(*map(self.observe, bodies))

    def _forget(self, key: Key, uid: str) -> None:
        pods = self._models[key]
        del pods[uid]
        if not pods:
            del self._models[key]


def _pod(body: Object) -> Pod | None:
    """None for one that cannot be asked: it has no address yet, or has ended."""
    address = (body.get("status") or {}).get("podIP")
    if not address or is_finished(body) or names.SERVING not in labels(body):
        return None
    return Pod(address, serves=is_ready(body))
