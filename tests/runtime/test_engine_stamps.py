"""The engine gives every answer an id where accuracy is measured, and elsewhere nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from fakes.accuracy import MANIFEST, ScoresSession

from frazil_runtime.cache import key_of, scope_of
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.engine import HASH_HERE, Engine, ModelEngine
from frazil_runtime.errors import InferenceError
from frazil_runtime.manifest import Signature
from frazil_runtime.requests import Array, InferRequest, InferResponse, Stamp

CACHING = Policy(number=2, output_cache_mode="Always", max_wait_seconds=3600)
ROW = np.float32([[0.1, 0.7, 0.2]])


@dataclass
class Numbering:
    """The ids are 1, 2, 3, …; ``seen`` has the outputs and the inputs' hash of each."""

    seen: list[tuple[list[list[object]], bytes]] = field(default_factory=list)

    def stamp(self, signature: Signature, outputs: Sequence[Array], inputs: bytes) -> Stamp:
        self.seen.append(([output.tolist() for output in outputs], inputs))
        return Stamp(str(len(self.seen)))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(1, Batching(8), Policy(number=1, output_cache_mode="Off"), clock=lambda: 0.0)
    yield engine
    engine.close()


@pytest.fixture
def model(engine: Engine) -> ModelEngine:
    model = engine.host("m", MANIFEST, ScoresSession)
    for signature in MANIFEST.signatures:
        kind = (("m", signature), ((3,),))
        engine.dispatcher.costs.seed(kind, dict.fromkeys(engine.sizes, 0.001))
    engine.warmed()
    return model


def ask(x: Array = ROW, signature: str = "serving_default", *outputs: str) -> InferRequest:
    return InferRequest(signature, {"x": x}, outputs)


def ids(responses: Sequence[InferResponse]) -> list[str]:
    return [response.stamp.id for response in responses if response.stamp]


async def test_where_nothing_is_measured_there_are_no_ids(model: ModelEngine) -> None:
    assert (await model.infer(ask())).stamp is None


@pytest.mark.parametrize("caching", [False, True])
async def test_every_answer_has_an_id_of_its_own(
    engine: Engine, model: ModelEngine, caching: bool
) -> None:
    if caching:
        engine.follow(CACHING)
    model.stamps = Numbering()
    responses = [await model.infer(ask()) for _ in range(3)]
    expected = ["miss", "hit", "hit"] if caching else ["off"] * 3
    assert [response.cache for response in responses] == expected
    assert ids(responses) == ["1", "2", "3"]


async def test_who_waits_for_the_same_run_gets_another_id(
    engine: Engine, model: ModelEngine
) -> None:
    engine.follow(CACHING)
    model.stamps = Numbering()
    responses = await asyncio.gather(*(model.infer(ask()) for _ in range(3)))
    assert sorted(ids(responses)) == ["1", "2", "3"]
    assert model.statistics.runs == 1


async def test_without_a_cache_equal_requests_are_run_each(model: ModelEngine) -> None:
    model.stamps = Numbering()
    await asyncio.gather(*(model.infer(ask()) for _ in range(3)))
    assert model.statistics.rows == 3, "their common hash does not make them one"


async def test_an_id_is_of_all_outputs_whichever_are_asked_for(model: ModelEngine) -> None:
    model.stamps = stamps = Numbering()
    response = await model.infer(ask(ROW, "pair", "sum"))
    assert list(response.outputs) == ["sum"]
    ((outputs, _),) = stamps.seen
    assert outputs == [ROW.tolist(), ROW.sum(axis=1).tolist()]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(1, id="hashed in place"),
        pytest.param(HASH_HERE // 12 + 1, id="hashed on a thread"),
    ],
)
@pytest.mark.parametrize("caching", [False, True])
async def test_an_id_gets_the_hash_that_the_cache_goes_by(
    engine: Engine, model: ModelEngine, rows: int, caching: bool
) -> None:
    if caching:
        engine.follow(CACHING)
    model.stamps = stamps = Numbering()
    x = np.ones((rows, 3), np.float32)
    await model.infer(ask(x))
    scope = scope_of("m", MANIFEST.digest, "serving_default", [("x", x)])
    assert [inputs for _, inputs in stamps.seen] == [key_of(scope, engine.cache.epoch, [x])]


async def test_what_is_large_is_not_hashed_on_the_event_loop(model: ModelEngine) -> None:
    model.stamps = Numbering()
    large = ask(np.ones((HASH_HERE // 12 + 1, 3), np.float32))
    assert model.start(large, lambda _: None) is None


async def test_an_error_has_no_id(model: ModelEngine) -> None:
    model.stamps = stamps = Numbering()
    with pytest.raises(InferenceError):
        await model.infer(ask(np.zeros((1, 2), np.float32)))
    assert stamps.seen == []
