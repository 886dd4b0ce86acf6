"""Ids with answers, labels for ids, and the tally: over real sockets, on the real engine."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fakes.accuracy import MANIFEST, NOW, RULES, Clock, Pod, ScoresSession
from fakes.grpc import GrpcSite, grpc_site
from fakes.http import Site, http_site

from frazil_runtime.contract import Batching, Policy
from frazil_runtime.contract.accuracy import (
    ID_HEADER,
    OMITTED_HEADER,
    AccuracyRules,
    Counts,
    Metric,
)
from frazil_runtime.engine import Engine
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.requests import Stamps

pytestmark = pytest.mark.integration

MODEL = ModelInfo("digits", "3", "digits-a", MANIFEST)
V1, V2 = "/v1/models/digits:predict", "/v2/models/digits/infer"
FEEDBACK = "/v2/models/digits/feedback"
SECRET = "s3cret-of-who-may-label"
CACHING = Policy(number=1, output_cache_mode="Always", max_wait_seconds=3600)


@dataclass
class Running:
    """One pod's ports, and what is counted behind them."""

    port: Site
    http: httpx.AsyncClient
    grpc: GrpcSite
    pod: Pod

    async def v1(self, *classes: int, **headers: str) -> httpx.Response:
        rows = np.eye(3)[list(classes)].tolist()
        return await self.http.post(V1, json={"instances": rows}, headers=headers)

    async def v2(self, *classes: int, signature: str = "serving_default") -> httpx.Response:
        x = {"name": "x", "datatype": "FP32", "shape": [len(classes), 3]}
        rows = np.eye(3)[list(classes)].tolist()
        body = {"inputs": [x | {"data": rows}], "parameters": {"signature_name": signature}}
        return await self.http.post(V2, json=body)

    async def label(
        self, prediction_id: str, *labels: object, secret: str = SECRET, **further: object
    ) -> httpx.Response:
        body = {"prediction_id": prediction_id, "labels": labels, **further}
        headers = {"Authorization": f"Bearer {secret}"}
        return await self.http.post(FEEDBACK, json=body, headers=headers)

    @property
    def counts(self) -> Counts:
        return self.pod.ledger.window.totals.get("digits-a", Counts())


@asynccontextmanager
async def running(tmp_path: Path, rules: AccuracyRules = RULES) -> AsyncIterator[Running]:
    token = tmp_path / "token"
    token.write_text(f"{SECRET}\n")
    pod = Pod(rules=rules, token_file=token)
    engine = Engine(1, Batching(8), CACHING)
    model = engine.host("digits", MANIFEST, ScoresSession)
    engine.warmed()
    stamps: Stamps | None = pod.ledger if pod.ledger.enabled else None
    model.stamps = stamps
    async with (
        http_site(model, MODEL, feedback=pod.ledger) as site,
        grpc_site(model, MODEL) as rpc,
        httpx.AsyncClient(base_url=site.url, timeout=20) as client,
    ):
        yield Running(site, client, rpc, pod)
    engine.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as found:
        yield found


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_v1_has_the_id_in_a_header(site: Running) -> None:
    answer = await site.v1(1, 2)
    assert answer.json() == {"predictions": [[0, 1, 0], [0, 0, 1]]}
    assert (await site.label(answer.headers[ID_HEADER], 1, 0)).json() == {"scored": 2}
    assert site.counts == Counts(predictions=1, rows=2, labels=2, right=1)


async def test_v2_has_the_id_in_its_parameters_and_in_a_header(site: Running) -> None:
    answer = await site.v2(1, 2)
    prediction_id = answer.json()["parameters"]["prediction_id"]
    assert answer.headers[ID_HEADER] == prediction_id
    assert (await site.label(prediction_id, 2, rows=[1])).json() == {"scored": 1}
    assert site.counts == Counts(predictions=1, rows=2, labels=1, right=1)


async def test_v2_has_the_id_beside_binary_data_too(site: Running) -> None:
    x = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 1]}
    parameters = {"binary_data_output": True}
    answer = await site.http.post(V2, json={"inputs": [x], "parameters": parameters})
    size = int(answer.headers["inference-header-content-length"])
    document = json.loads(answer.content[:size])
    assert document["parameters"]["prediction_id"] == answer.headers[ID_HEADER]
    assert np.frombuffer(answer.content[size:], np.float32).tolist() == [0, 0, 1]


async def metadata(call: Any) -> dict[str, str]:
    await call
    return dict(await call.initial_metadata())


async def test_grpc_has_the_id_in_its_initial_metadata(site: Running) -> None:
    x = {"name": "x", "datatype": "FP32", "shape": [1, 3]}
    infer = message_class("inference.ModelInferRequest")(
        model_name="digits", inputs=[x], raw_input_contents=[np.float32([0, 1, 0]).tobytes()]
    )
    dims = [{"size": 1}, {"size": 3}]
    predict = message_class("tensorflow.serving.PredictRequest")(
        model_spec={"name": "digits"},
        inputs={"x": {"dtype": 1, "tensor_shape": {"dim": dims}, "float_val": [0, 0, 1]}},
    )
    calls = {
        1: site.grpc.call("inference.GRPCInferenceService/ModelInfer", infer),
        2: site.grpc.call("tensorflow.serving.PredictionService/Predict", predict),
    }
    for label, call in calls.items():
        prediction_id = (await metadata(call))["x-frazil-prediction-id"]
        assert (await site.label(prediction_id, label)).json() == {"scored": 1}
    assert site.counts == Counts(predictions=2, rows=2, labels=2, right=2)


async def test_what_the_cache_answers_has_an_id_of_its_own(site: Running) -> None:
    answers = [await site.v1(1) for _ in range(2)]
    assert [answer.headers["X-Frazil-Cache"] for answer in answers] == ["miss", "hit"]
    first, second = (answer.headers[ID_HEADER] for answer in answers)
    assert (await site.label(first, 1)).json() == {"scored": 1}
    repeated = await site.label(second, 1)
    assert repeated.status_code == 200
    assert repeated.json()["scored"] == 0
    assert "less than a minute ago" in repeated.json()["reason"]


async def test_a_compressed_answer_says_as_much(site: Running) -> None:
    body = {"instances": (np.ones((600, 3)) / 3).tolist()}
    answer = await site.http.post(V1, json=body, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "600 rows" in answer.headers[OMITTED_HEADER]


async def test_an_answer_without_an_id_says_why(site: Running) -> None:
    several = await site.v2(1, signature="pair")
    assert "several outputs" in several.headers[OMITTED_HEADER]
    long = await site.v1(*[1] * 257)
    assert "257 rows" in long.headers[OMITTED_HEADER]
    for answer in (several, long):
        assert answer.status_code == 200
        assert ID_HEADER not in answer.headers
        assert "parameters" not in answer.json()
    assert site.counts == Counts()


async def test_an_output_need_not_be_asked_for_to_be_scored(tmp_path: Path) -> None:
    async with running(tmp_path, replace(RULES, output="scores")) as site:
        x = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 1]}
        body = {"inputs": [x], "outputs": [{"name": "sum"}]}
        body |= {"parameters": {"signature_name": "pair"}}
        answer = (await site.http.post(V2, json=body)).json()
        assert [output["name"] for output in answer["outputs"]] == ["sum"]
        scored = await site.label(answer["parameters"]["prediction_id"], 2)
        assert scored.json() == {"scored": 1}


async def test_where_nothing_is_measured_nothing_is_said_of_ids(tmp_path: Path) -> None:
    async with running(tmp_path, AccuracyRules()) as site:
        for answer in (await site.v1(1), await site.v2(1)):
            assert answer.status_code == 200
            assert not [name for name in answer.headers if "prediction" in name]
            assert "parameters" not in answer.json()
        status, text = error(await site.label(Pod().predict(1), 1))
        assert (status, text) == (
            400,
            "accuracy is not measured here, and no prediction ids are given out",
        )


async def test_an_id_takes_feedback_once(site: Running) -> None:
    prediction_id = (await site.v1(1)).headers[ID_HEADER]
    assert (await site.label(prediction_id, 1)).status_code == 200
    status, text = error(await site.label(prediction_id, 0))
    assert (status, text) == (
        409,
        "the prediction id was already used: each prediction takes feedback once",
    )
    assert site.counts == Counts(predictions=1, rows=1, labels=1, right=1)


@pytest.mark.parametrize(
    ("pod", "status", "why"),
    [
        pytest.param(Pod(model="letters"), 403, "not given out by this model", id="foreign"),
        pytest.param(Pod(secret=bytes(32)), 403, "not given out by this model", id="forged"),
        pytest.param(Pod(clock=Clock(NOW - 604_801)), 400, "older than 604800 s", id="expired"),
        pytest.param(Pod(clock=Clock(NOW + 301)), 400, "301 s from now", id="from the future"),
    ],
)
async def test_bad_ids_are_refused(site: Running, pod: Pod, status: int, why: str) -> None:
    got, text = error(await site.label(pod.predict(1), 1))
    assert got == status
    assert why in text
    assert site.counts == Counts()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"labels": [1]}', id="no id"),
        pytest.param(b'{"prediction_id": "AAAA", "labels": [1]}', id="no such id"),
    ],
)
async def test_malformed_feedback_is_refused(site: Running, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    answer = await site.http.post(FEEDBACK, content=body, headers=headers)
    assert answer.status_code == 400
    assert site.pod.ledger.outcomes == {"malformed": 1}


@pytest.mark.parametrize(
    ("rules", "label", "why"),
    [
        pytest.param(RULES, "1", "the index of a class", id="a class as text"),
        pytest.param(RULES, 1.0, "the index of a class", id="a class as a float"),
        pytest.param(RULES, None, "the index of a class", id="null"),
        pytest.param(
            *(replace(RULES, output="sum", metric=Metric.BINARY_F1), 2, "true or false"),
            id="no truth",
        ),
        pytest.param(
            *(replace(RULES, output="sum", metric=Metric.MEAN_ABSOLUTE_ERROR), True, "a number"),
            id="no number",
        ),
    ],
)
async def test_labels_of_the_wrong_type_are_refused_and_can_be_mended(
    tmp_path: Path, rules: AccuracyRules, label: object, why: str
) -> None:
    async with running(tmp_path, rules) as site:
        answer = await site.v2(1, signature="pair" if rules.output else "serving_default")
        sent = answer.headers[ID_HEADER]
        status, text = error(await site.label(sent, label))
        assert status == 400
        assert text.startswith("labels[0] must be")
        assert why in text
        assert (await site.label(sent, 1)).json() == {"scored": 1}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no secret"),
        pytest.param({"Authorization": "Bearer guessed"}, id="another one"),
        pytest.param({"Authorization": f"Basic {SECRET}"}, id="another scheme"),
        pytest.param({"Authorization": b"Bearer \xe9"}, id="one that is not ASCII"),
    ],
)
async def test_without_the_secret_nothing_is_scored(site: Running, headers: Any) -> None:
    prediction_id = (await site.v1(1)).headers[ID_HEADER]
    body = {"prediction_id": prediction_id, "labels": [1]}
    answer = await site.http.post(FEEDBACK, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert site.counts.labels == 0
    assert (await site.label(prediction_id, 1)).json() == {"scored": 1}, "the id is as good as new"


@pytest.mark.parametrize(
    ("secret", "length", "status"),
    [
        pytest.param("guessed", 100, 401, id="without the secret"),
        pytest.param(SECRET, 65_537, 413, id="with more than 64 KiB"),
    ],
)
async def test_what_the_headers_tell_is_refused_before_there_is_a_body(
    site: Running, secret: str, length: int, status: int
) -> None:
    async with site.port.connect() as client:
        head = f"POST {FEEDBACK} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n"
        await client.send(f"{head}Authorization: Bearer {secret}\r\n\r\n".encode())
        assert (await client.reply()).status == status


async def test_feedback_is_short(site: Running) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b"A" * 1024

    headers = {"Authorization": f"Bearer {SECRET}"}
    assert (await site.http.post(FEEDBACK, content=body(), headers=headers)).status_code == 413


async def test_a_model_that_there_is_not_takes_none(site: Running) -> None:
    answer = await site.http.post("/v2/models/letters/feedback", json={})
    assert error(answer) == (404, "Model with name letters does not exist.")


async def test_a_version_takes_feedback_as_its_model_does(site: Running) -> None:
    prediction_id = (await site.v1(1)).headers[ID_HEADER]
    body = {"prediction_id": prediction_id, "labels": [1]}
    headers = {"Authorization": f"Bearer {SECRET}"}
    path = "/v2/models/digits/versions/3/feedback"
    assert (await site.http.post(path, json=body, headers=headers)).json() == {"scored": 1}
    assert (await site.http.get(path)).status_code == 405


async def test_neither_ids_nor_labels_nor_the_secret_are_logged(
    site: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="frazil"):
        prediction_id = (await site.v1(1)).headers[ID_HEADER]
        await site.label(prediction_id, "a private label")
        await site.label(prediction_id, 1, secret="guessed")
        await site.label(prediction_id, 1)
        await site.label(prediction_id, 1)
    assert "frazil" not in {record.name for record in caplog.records}
