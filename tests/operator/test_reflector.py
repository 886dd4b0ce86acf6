"""List, watch, list again: what the store learns when the watch does not tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import pytest

from frazil_operator import names
from frazil_operator.cluster import ApiError, Cluster
from frazil_operator.observed import Key, Object
from frazil_operator.reflector import Reflector
from frazil_operator.resources import MODELS, SERVICES, Resource
from frazil_operator.store import Store

A, B = Key("vision", "a"), Key("vision", "b")


def service(owner: Key, version: int) -> dict[str, Any]:
    metadata = {
        "namespace": owner.namespace,
        "name": owner.name,
        "uid": f"uid-{owner.name}",
        "resourceVersion": str(version),
        "labels": {names.MODEL: owner.name},
    }
    return {"kind": "Service", "metadata": metadata, "spec": {}}


def model(key: Key) -> dict[str, Any]:
    return {**service(key, 1), "kind": names.KIND}


@dataclass
class Script:
    """A cluster whose lists and watches are written down beforehand; then it says no more."""

    lists: list[list[Object] | Exception]
    watches: list[list[tuple[str, Object] | Exception]] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def list(self, resource: Resource, *, selector: str) -> tuple[list[Object], str]:
        if not self.lists:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, "10"

    async def watch(
        self, resource: Resource, selector: str, version: str, seconds: float
    ) -> AsyncIterator[tuple[str, Object]]:
        self.versions.append(version)
        for event in self.watches.pop(0) if self.watches else []:
            if isinstance(event, Exception):
                raise event
            yield event


async def played(script: Script, resource: Resource = SERVICES) -> tuple[Store, list[Key]]:
    """What the store holds, and who was woken, when all of the script was played."""
    store, woken = Store(), list[Key]()
    reflector = Reflector(resource, cast("Cluster", script), store, woken.append, seconds=0)
    running = asyncio.create_task(reflector.run())
    async with asyncio.timeout(10):
        await script.over.wait()
    running.cancel()
    await asyncio.wait([running])
    return store, woken


async def test_what_is_listed_then_watched_is_known_and_wakes_its_model() -> None:
    script = Script([[service(A, 1)], []], [[("ADDED", service(B, 11))]])
    _, woken = await played(script)
    assert woken[:2] == [A, B]
    assert script.versions[0] == "10"


async def test_what_was_deleted_while_nobody_watched_is_found_by_the_next_list() -> None:
    script = Script([[service(A, 1), service(B, 1)], [service(A, 1)]])
    store, woken = await played(script)
    assert store.children(B) == ()
    assert sorted(woken) == [A, B, B]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ApiError(410, "too old"), id="the version is too old"),
        pytest.param(TimeoutError(), id="the connection is silent"),
        pytest.param(aiohttp.ClientPayloadError(), id="the connection breaks"),
        pytest.param(ApiError(500, "trouble"), id="the API server is in trouble"),
    ],
)
async def test_it_lists_again_when(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frazil_operator.reflector.FIRST_PAUSE", 0.0)
    script = Script([[service(A, 1)], [service(A, 12)]], [[failure]])
    store, _ = await played(script)
    assert store.children(A) == (service(A, 12),)


async def test_a_list_of_the_models_wakes_them_all_for_what_no_event_tells() -> None:
    store, woken = await played(Script([[model(A), model(B)]]), MODELS)
    assert store.models() == [A, B]
    assert woken == [A, B]
