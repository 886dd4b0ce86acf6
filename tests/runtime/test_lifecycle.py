"""The admin port's answers in each state of the process."""

from __future__ import annotations

import asyncio

import pytest
from fakes.accuracy import Pod
from fakes.exchanges import answered

from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import Tally
from frazil_runtime.contract.load import Load
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.metrics import Metrics
from frazil_runtime.policies import Policies
from frazil_runtime.transport import admin
from frazil_runtime.transport.admin import AdminApp


class Quiet:
    """A load that is told at once where it may be told later; ``asked`` is how much later."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def now(self) -> Load:
        return Load()

    async def soon(self, seconds: float) -> Load:
        self.asked.append(seconds)
        return Load(queued=1)


def port(lifecycle: Lifecycle, loads: Quiet | None = None) -> AdminApp:
    policies = Policies(Policy(), lambda _: None)
    return AdminApp(lifecycle, Metrics(), loads or Quiet(), policies, None)


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
        "the admin port has /healthz /readyz /metrics /load /policy /accuracy\n",
    )


@pytest.mark.parametrize(
    ("state", "prefer", "asked", "queued"),
    [
        pytest.param(State.READY, None, [], 0, id="who would not wait is told at once"),
        pytest.param(State.READY, "wait=20", [20], 1, id="who would rather wait does"),
        pytest.param(State.READY, "respond-async, Wait=5", [5], 1, id="among other wishes"),
        pytest.param(State.READY, "wait=99999", [30], 1, id="not for ever"),
        pytest.param(State.READY, "wait=0", [], 0, id="no time is none"),
        pytest.param(State.READY, "wait=soon", [], 0, id="a wish that is none"),
        pytest.param(State.WARMING, "wait=20", [], 0, id="who starts has nothing to wait for"),
        pytest.param(State.DRAINING, "wait=20", [], 0, id="who drains keeps nobody"),
    ],
)
async def test_the_load_is_told(
    state: State, prefer: str | None, asked: list[float], queued: int
) -> None:
    lifecycle, loads = Lifecycle(), Quiet()
    lifecycle.enter(state)
    headers = {} if prefer is None else {"prefer": prefer}
    answer = await answered(port(lifecycle, loads), "GET", "/load", headers=headers)
    assert (answer.status, loads.asked) == (200, asked)
    assert Load.from_json(answer.body) == Load(queued=queued)


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
