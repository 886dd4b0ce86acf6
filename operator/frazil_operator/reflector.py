"""Keep the store as the cluster is, one kind at a time: list, watch, list again."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import aiohttp

from frazil_operator import metrics, names
from frazil_operator.cluster import ApiError, Cluster
from frazil_operator.observed import Key, Object
from frazil_operator.resources import MODELS, NETWORKPOLICIES, PODS, Resource

FIRST_PAUSE: Final = 0.5  # seconds
LONGEST_PAUSE: Final = 10.0
# Of the other kinds, what bears a model's name.
_SELECTORS: Final = {MODELS: "", NETWORKPOLICIES: "", PODS: names.SERVING}
_log = logging.getLogger(__name__)


class Keeps(Protocol):
    """What is kept as the cluster is; each returns the models that it is news for."""

    def observe(self, body: Object, *, deleted: bool = False) -> set[Key]:
        """Take in one object."""

    def replace(self, kind: str, bodies: Iterable[Object], version: str) -> set[Key]:
        """Take in all objects of one kind, forget the others."""

    def models(self) -> list[Key]:
        """All there are."""


class Reflector:
    """One kind of object. A list replaces what the store knows of it, so neither an event that
    was missed nor a watch that died silently lasts longer than a period.

    Children are watched by their label, on the server's side. The models are watched by kopf, and
    only listed here; then every one of them is looked at, for what no event tells.
    """

    def __init__(
        self,
        resource: Resource,
        cluster: Cluster,
        store: Keeps,
        add: Callable[[Key], None],
        *,
        seconds: float,
    ) -> None:
        self.listed_at = math.inf  # on the event loop's clock; nothing is expected before it runs
        self.synced = asyncio.Event()
        self.resource = resource
        self._cluster = cluster
        self._store = store
        self._add = add
        self._seconds = seconds
        self._selector = _SELECTORS.get(resource, names.MODEL)

    async def run(self) -> None:
        """For ever; failures are logged and tried again with growing pauses."""
        self.listed_at = _now()
        pause = FIRST_PAUSE
        while True:
            try:
                version = await self._list()
                pause = FIRST_PAUSE
                await self._watch(version)
            except ApiError as error:
                if error.status == 410:  # the version is too old: what a new list is for
                    continue
                await self._rest(error, pause)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                await self._rest(error, pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _list(self) -> str:
        bodies, version = await self._cluster.list(self.resource, selector=self._selector)
        news = self._store.replace(self.resource.kind, bodies, version)
        self._poke(self._store.models() if self.resource is MODELS else news)
        self.listed_at = _now()
        self.synced.set()
        return version

    async def _watch(self, version: str) -> None:
        if self.resource is MODELS:
            await asyncio.sleep(self._seconds)
            return
        events = self._cluster.watch(self.resource, self._selector, version, self._seconds)
        async for kind, body in events:
            self._poke(self._store.observe(body, deleted=kind == "DELETED"))

    async def _rest(self, error: Exception, pause: float) -> None:
        reason = f"{type(error).__name__}: {error}"
        metrics.WATCH_FAILURES.labels(kind=self.resource.kind).inc()
        _log.warning("watching %s: %s; again in %.1f s", self.resource.plural, reason, pause)
        await asyncio.sleep(pause)

    def _poke(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._add(key)


def _now() -> float:
    return asyncio.get_running_loop().time()
