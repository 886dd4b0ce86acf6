"""What several integration tests stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.api_server import ApiServer, api_server
from fakes.small_operator import MODEL, finish_job, operator, status, stories


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path / "kubeconfig")))
        yield running


@pytest.fixture
async def running(server: ApiServer) -> AsyncIterator[ApiServer]:
    async with operator(server):
        yield server


@pytest.fixture
async def serving(running: ApiServer) -> ApiServer:
    """The operator, and one model that has all it wants."""
    await running.put(MODEL)
    await finish_job(running)
    await running.until(lambda: "frozen" in status(running))
    await running.until(lambda: stories(running))
    return running
