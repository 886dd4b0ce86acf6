"""One operator at a time, as the Lease decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.api_server import ApiServer

from frazil_operator.cluster import Cluster, connect
from frazil_operator.lease import Lease, LeaseLostError, Periods
from frazil_operator.resources import LEASES

pytestmark = pytest.mark.integration

PLACE = ("frazil-system", "frazil-operator")
LOOK = ("GET", "Lease", PLACE[1], 200)
QUICK = Periods(duration=1, deadline=0.3, renewal=0.02, retry=0.02)


@pytest.fixture
async def cluster(server: ApiServer, tmp_path: Path) -> AsyncIterator[Cluster]:
    kubeconfig = server.kubeconfig(tmp_path / "kubeconfig")
    async with connect(lambda kind, verb: None, kubeconfig) as connected:
        yield connected


def lease(cluster: Cluster, identity: str, periods: Periods = QUICK) -> Lease:
    return Lease(cluster, PLACE[0], identity, periods)


def holder(server: ApiServer) -> str:
    return str((server.get(LEASES, *PLACE) or {"spec": {}})["spec"].get("holderIdentity"))


async def test_the_first_one_makes_it(server: ApiServer, cluster: Cluster) -> None:
    async with lease(cluster, "one").held():
        assert holder(server) == "one"
    assert holder(server) == ""


async def test_the_second_waits_until_the_first_lets_it_go(
    server: ApiServer, cluster: Cluster
) -> None:
    async with AsyncExitStack() as first, AsyncExitStack() as second, asyncio.timeout(10):
        await first.enter_async_context(lease(cluster, "one").held())
        # Far longer than the test may take: only letting it go can help.
        patient = lease(cluster, "two", replace(QUICK, duration=3600))
        entering = asyncio.create_task(second.enter_async_context(patient.held()))
        looks = server.requests.count(LOOK)
        await server.until(lambda: server.requests.count(LOOK) >= looks + 2)
        assert holder(server) == "one"
        await first.aclose()
        await entering
        assert holder(server) == "two"


async def test_a_holder_that_died_is_followed_when_its_lease_has_run_out(
    server: ApiServer, cluster: Cluster
) -> None:
    # Nobody renews the first one's.
    async with lease(cluster, "dead").held(), asyncio.timeout(10), lease(cluster, "next").held():
        assert holder(server) == "next"
        assert server.objects["leases", *PLACE]["spec"]["leaseTransitions"] == 2


async def test_the_same_pod_takes_its_own_up_again_at_once(
    server: ApiServer, cluster: Cluster
) -> None:
    forever = replace(QUICK, duration=3600)
    first, again = (lease(cluster, "pod-1", forever) for _ in range(2))
    async with first.held(), asyncio.timeout(10), again.held():
        assert server.objects["leases", *PLACE]["spec"]["leaseTransitions"] == 1


async def test_it_is_renewed_while_it_is_kept(server: ApiServer, cluster: Cluster) -> None:
    async with lease(cluster, "one").held() as _, asyncio.timeout(10):
        keeping = asyncio.create_task(lease(cluster, "one").keep())
        first = server.objects["leases", *PLACE]["spec"]["renewTime"]
        await server.until(lambda: server.objects["leases", *PLACE]["spec"]["renewTime"] != first)
        keeping.cancel()


async def test_who_cannot_renew_gives_up_before_another_may_start(
    server: ApiServer, cluster: Cluster
) -> None:
    held = lease(cluster, "one")
    async with held.held():
        server.refusals["PUT", "Lease"] = [500] * 100
        with pytest.raises(LeaseLostError, match=r"could not be renewed in 0\.3 s"):
            await held.keep()


async def test_who_lost_it_to_another_does_not_take_it_back(
    server: ApiServer, cluster: Cluster
) -> None:
    held = lease(cluster, "one")
    async with held.held():
        live = server.objects["leases", *PLACE]
        await server.put({**live, "spec": {**live["spec"], "holderIdentity": "two"}})
        with pytest.raises(LeaseLostError):
            await held.keep()
        assert holder(server) == "two"
