"""The operator's own port."""

from __future__ import annotations

from typing import cast

import httpx
import pytest

from frazil_operator.cluster import Cluster
from frazil_operator.health import endpoint, staleness
from frazil_operator.reflector import Reflector
from frazil_operator.resources import JOBS
from frazil_operator.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
def reflector() -> Reflector:
    return Reflector(JOBS, cast("Cluster", None), Store(), lambda key: None, seconds=600)


async def ask(path: str, problem: str = "") -> httpx.Response:
    async with (
        endpoint(0, lambda: problem, "127.0.0.1") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        return await client.get(path)


async def test_healthz_is_200_while_nothing_is_wrong() -> None:
    assert (await ask("/healthz")).status_code == 200


async def test_healthz_says_what_is_wrong() -> None:
    answer = await ask("/healthz", "not listed for 1800 s: jobs")
    assert (answer.status_code, answer.text) == (503, "not listed for 1800 s: jobs")


async def test_metrics_are_there() -> None:
    answer = await ask("/metrics")
    assert "frazil_operator_queue_depth" in answer.text
    assert "frazil_operator_api_writes_total" in answer.text


async def test_who_waits_for_the_lease_is_healthy(reflector: Reflector) -> None:
    assert staleness([reflector], seconds=0)() == ""


async def test_a_kind_not_listed_for_three_periods_is_named(reflector: Reflector) -> None:
    reflector.listed_at = -10_000.0
    assert staleness([reflector], seconds=600)() == "not listed for 1800 s: jobs"
