"""What the API server is asked, and what of its answers is understood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.api_server import ApiServer

from frazil_operator import names
from frazil_operator.cluster import ApiError, Cluster, NamespaceEndsError, connect
from frazil_operator.observed import Ref
from frazil_operator.resources import MODELS, PODS, SERVICES

pytestmark = pytest.mark.integration


@pytest.fixture
async def writes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def cluster(
    server: ApiServer, tmp_path: Path, writes: list[tuple[str, str]]
) -> AsyncIterator[Cluster]:
    def written(kind: str, verb: str) -> None:
        writes.append((kind, verb))

    async with connect(written, server.kubeconfig(tmp_path / "kubeconfig")) as connected:
        yield connected


def service(name: str = "digits", model: str = "digits", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "vision", "name": name, "labels": {names.MODEL: model}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


async def test_items_of_a_list_say_what_they_are(server: ApiServer, cluster: Cluster) -> None:
    await server.put(service())
    (item,), version = await cluster.list(SERVICES, selector=names.MODEL)
    assert (item["apiVersion"], item["kind"]) == ("v1", "Service")
    assert int(version) >= int(item["metadata"]["resourceVersion"])


async def test_a_list_can_be_of_one_namespace_and_label(
    server: ApiServer, cluster: Cluster
) -> None:
    for name, model in (("a", "digits"), ("b", "other")):
        await server.put(service(name, model) | {"kind": "Pod"})
    pods, _ = await cluster.list(PODS, "vision", f"{names.MODEL}=digits")
    assert [pod["metadata"]["name"] for pod in pods] == ["a"]
    assert await cluster.list(PODS, "elsewhere", f"{names.MODEL}=digits") != (pods, "")


async def test_a_watch_tells_what_comes_after_a_version(
    server: ApiServer, cluster: Cluster
) -> None:
    await server.put(service("before"))
    _, version = await cluster.list(SERVICES)
    async with asyncio.timeout(10):
        events = cluster.watch(SERVICES, names.MODEL, version, 60)
        first = asyncio.ensure_future(anext(events))
        await server.put(service("after"))
        assert [(await first)[0], (await first)[1]["metadata"]["name"]] == ["ADDED", "after"]
        await server.remove(SERVICES, "vision", "before")
        assert (await anext(events))[0] == "DELETED"
        await events.aclose()


async def test_what_is_not_there_is_none(cluster: Cluster) -> None:
    assert await cluster.get(SERVICES, "vision", "nobody") is None


async def test_other_refusals_are_errors_with_the_servers_words(
    server: ApiServer, cluster: Cluster
) -> None:
    server.refusals["GET", "Service"] = [403]
    with pytest.raises(ApiError, match="403: refused by the test"):
        await cluster.get(SERVICES, "vision", "nobody")


async def test_a_new_object_is_not_forced_on_one_that_came_meanwhile(
    server: ApiServer, cluster: Cluster, writes: list[tuple[str, str]]
) -> None:
    foreign = await server.put(service(type="NodePort"))
    with pytest.raises(ApiError, match="409"):
        await cluster.apply(service(type="ClusterIP"), force=False)
    assert server.get(SERVICES, "vision", "digits") == foreign
    assert writes == []


async def test_a_delete_meets_the_very_object(server: ApiServer, cluster: Cluster) -> None:
    live = await server.put(service())
    await cluster.delete(Ref("v1", "Service", "vision", "digits", uid="another"))
    assert server.get(SERVICES, "vision", "digits") == live
    await cluster.delete(Ref("v1", "Service", "vision", "digits", uid=live["metadata"]["uid"]))
    assert server.get(SERVICES, "vision", "digits") is None


async def test_deleting_what_is_gone_is_no_error(
    cluster: Cluster, writes: list[tuple[str, str]]
) -> None:
    await cluster.delete(Ref("v1", "Service", "vision", "digits"))
    assert writes == []


async def test_a_status_is_not_written_over_a_newer_model(
    server: ApiServer, cluster: Cluster, writes: list[tuple[str, str]]
) -> None:
    metadata = {"namespace": "vision", "name": "digits"}
    body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata}
    before = await server.put({**body, "status": {"a": 1, "b": 1}})
    after = await cluster.patch_status(before, {"a": None, "b": 2})
    assert after["status"] == {"b": 2}
    with pytest.raises(ApiError, match="409"):
        await cluster.patch_status(before, {"b": 3})
    assert writes == [(MODELS.kind, "status")]


@pytest.mark.parametrize(
    "details",
    [
        pytest.param({"causes": [{"reason": "NamespaceTerminating"}]}, id="it is being deleted"),
        pytest.param({"kind": "namespaces", "name": "vision"}, id="it is gone"),
    ],
)
async def test_the_end_of_a_namespace_is_told_from_other_refusals(
    server: ApiServer, cluster: Cluster, details: dict[str, Any]
) -> None:
    server.refusals["PATCH", "Service"] = [403]
    server.details = details
    with pytest.raises(NamespaceEndsError):
        await cluster.apply(service(), force=False)
