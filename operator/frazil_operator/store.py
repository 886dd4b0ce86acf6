"""What the cluster last told: the models, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from frazil_operator.objects import (
    is_controlled_by,
    is_finished,
    is_suspended,
    key_of,
    model_of,
)
from frazil_operator.observed import Key, Object
from frazil_operator.resources import MODELS
from frazil_operator.turns import Turns, order

_Identity = tuple[str, str]  # kind, name


class Store:
    """Models by key; children by the model that their label names.

    What is older than what is known is dropped: an own write's answer may come before the watch
    has told of an earlier change. Resource versions are compared as numbers, which the API
    promises since KEP-5504 and etcd has always made true.
    """

    def __init__(self) -> None:
        self._models: dict[Key, Object] = {}
        self._children: dict[Key, dict[_Identity, Object]] = {}
        self._unfinished: dict[Key, Object] = {}  # freeze Jobs, by their own key
        self._turns = Turns()

    def observe(self, body: Object, *, deleted: bool = False) -> set[Key]:
        """Take in one object; returns the models it is news for."""
        owner = key_of(body) if body["kind"] == MODELS.kind else model_of(body)
        if owner is None:
            return set()
        known = self._known(owner, body)
        if deleted:
            if known is None or _is_older(body, known):
                return set()
            self._forget(owner, body)
        else:
            if known is not None and not _is_older(known, body):
                return set()
            self._keep(owner, body)
        return {owner} | self._waiting_for(body, deleted)

    def replace(self, kind: str, bodies: Iterable[Object], version: str) -> set[Key]:
        """Take in all objects of one kind as listed, forget the others; returns what is news.

        What is newer than the list, an own write's answer, is kept.
        """
        news: set[Key] = set()
        bodies = list(bodies)
        present = {body["metadata"]["uid"] for body in bodies}
        for body in [*self._all(kind)]:
            if body["metadata"]["uid"] not in present and _version(body) <= int(version):
                news |= self.observe(body, deleted=True)
        for body in bodies:
            news |= self.observe(body)
        return news

    def model(self, key: Key) -> Object | None:
        """The model, or None where there is none."""
        return self._models.get(key)

    def models(self) -> list[Key]:
        """All there are."""
        return list(self._models)

    def children(self, key: Key) -> tuple[Object, ...]:
        """Everything that carries the model's label, whoever made it."""
        return tuple(self._children.get(key, {}).values())

    def child(self, key: Key, kind: str, name: str) -> Object | None:
        """One of those, None where there is none."""
        return self._children.get(key, {}).get((kind, name))

    def running_freezes(self) -> int:
        """Freeze Jobs of the whole cluster that run or are about to."""
        return sum(not is_suspended(job) for job in self._freezes())

    def freezes_ahead(self, key: Key, places: int, now: datetime) -> int:
        """Freeze Jobs of other models that this one's has to wait for; ``places`` are how many
        may run at once."""
        waiting = [job for job in self._freezes() if is_suspended(job)]
        own = [order(job) for job in waiting if model_of(job) == key]
        line = self._turns.line(waiting, now, free=self.running_freezes() < places)
        return sum(model_of(job) != key and (not own or order(job) < min(own)) for job in line)

    def _freezes(self) -> Iterator[Object]:
        """Unfinished Jobs of the models that there are. A label proves nothing: anybody who may
        make Jobs in some namespace could block the whole cluster with it."""
        for job in self._unfinished.values():
            owner = model_of(job)
            model = self._models.get(owner) if owner else None
            if model is None or "deletionTimestamp" in model["metadata"]:
                continue
            if is_controlled_by(job, model):
                yield job

    def _known(self, owner: Key, body: Object) -> Object | None:
        if body["kind"] == MODELS.kind:
            return self._models.get(owner)
        return self._children.get(owner, {}).get(_identity(body))

    def _keep(self, owner: Key, body: Object) -> None:
        if body["kind"] == MODELS.kind:
            self._models[owner] = body
            return
        self._children.setdefault(owner, {})[_identity(body)] = body
        if body["kind"] == "Job":
            self._unfinished.pop(key_of(body), None)
            if not is_finished(body):
                self._unfinished[key_of(body)] = body

    def _forget(self, owner: Key, body: Object) -> None:
        if body["kind"] == MODELS.kind:
            del self._models[owner]
            return
        children = self._children[owner]
        del children[_identity(body)]
        if not children:
            del self._children[owner]
        if body["kind"] == "Job":
            self._unfinished.pop(key_of(body), None)

    def _waiting_for(self, body: Object, deleted: bool) -> set[Key]:
        """The models whose freeze may start now that this Job is out of the way."""
        if body["kind"] != "Job" or not (deleted or is_finished(body)):
            return set()
        queued = (model_of(job) for job in self._freezes() if is_suspended(job))
        return {key for key in queued if key is not None}

    def _all(self, kind: str) -> Iterable[Object]:
        if kind == MODELS.kind:
            return self._models.values()
        return (
            body
            for children in self._children.values()
            for body in children.values()
            if body["kind"] == kind
        )


def _identity(body: Object) -> _Identity:
    return body["kind"], body["metadata"]["name"]


def _version(body: Object) -> int:
    return int(body["metadata"]["resourceVersion"])


def _is_older(body: Object, than: Object) -> bool:
    return _version(body) < _version(than)
