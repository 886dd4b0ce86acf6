"""The admin port's answers in each state of the process."""

from __future__ import annotations

import asyncio

import pytest
from fakes.accuracy import Pod
from fakes.exchanges import answered

from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import Tally
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.metrics import Metrics
from frazil_runtime.policies import Policies
from frazil_runtime.transport import admin
from frazil_runtime.transport.admin import AdminApp


def port(lifecycle: Lifecycle) -> AdminApp:
    return AdminApp(lifecycle, Metrics(), Policies(Policy(), lambda _: None), None)


async def get(app: AdminApp, path: str) -> tuple[int, str]:
    answer = await answered(app, "GET", path)
    return answer.status, answer.body.decode()


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        pytest.param(State.LOADING, 503, "loading the model\n", id="loading"),
        pytest.param(State.WARMING, 503, "warming up\n", id="warming up"),
        pytest.param(State.READY, 200, "ready\n", id="ready"),
        pytest.param(State.DRAINING, 503, "draining\n", id="draining"),
    ],
)
async def test_readiness_while(
    state: State, status: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "PATIENCE", 0)
    lifecycle = Lifecycle()
    lifecycle.enter(state)
    app = port(lifecycle)
    assert await get(app, "/readyz") == (status, text)
    assert await get(app, "/healthz") == (200, "ok\n")


async def test_a_probe_that_comes_early_is_answered_at_readiness() -> None:
    lifecycle = Lifecycle()
    probe = asyncio.create_task(get(port(lifecycle), "/readyz"))
    await asyncio.sleep(0)
    assert not probe.done()
    lifecycle.enter(State.READY)
    assert await probe == (200, "ready\n")


async def test_metrics_are_there_before_the_model_is() -> None:
    status, text = await get(port(Lifecycle()), "/metrics")
    assert status == 200
    assert "frazil_ready 0.0" in text


async def test_other_paths_are_answered_with_those_there_are() -> None:
    assert await get(port(Lifecycle()), "/") == (
        404,
        "the admin port has /healthz /readyz /metrics /policy /accuracy\n",
    )


@pytest.mark.parametrize("state", [State.LOADING, State.WARMING])
async def test_before_a_model_is_loaded_nothing_is_known_of_its_accuracy(state: State) -> None:
    lifecycle = Lifecycle()
    lifecycle.enter(state)
    assert await get(port(lifecycle), "/accuracy") == (503, f"{state.value}\n")


@pytest.mark.parametrize(
    ("models", "path", "told"),
    [
        pytest.param("a", "/accuracy", "a", id="of the only model"),
        pytest.param("a", "/accuracy/a", "a", id="of a model by its name"),
        pytest.param("ab", "/accuracy/b", "b", id="of one of several"),
        pytest.param("ab", "/accuracy", None, id="of which of several?"),
        pytest.param("ab", "/accuracy/c", None, id="of none"),
        pytest.param("a", "/accuracyz", None, id="of nothing"),
    ],
)
async def test_whose_accuracy_is_told(models: str, path: str, told: str | None) -> None:
    lifecycle = Lifecycle()
    lifecycle.enter(State.DRAINING)
    app = port(lifecycle)
    app.tallies = {name: Pod(model=name).ledger.tally for name in models}
    status, text = await get(app, path)
    assert status == (200 if told else 404)
    if told:
        assert Tally.from_json(text).model == told
    elif path != "/accuracyz":
        assert text == "the models' accuracies are at /accuracy/a /accuracy/b\n"
