"""Both REST protocols over real sockets, on an engine of numpy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from fakes.http import Client, Site, http_site
from fakes.models import NumpyEngine, manifest, model, tensor

from frazil_runtime.lifecycle import State

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MODEL = manifest((tensor("x"),), (tensor("y"), tensor("n", "int64", (-1,))))
ENGINE = NumpyEngine(MODEL, lambda inputs: {"y": inputs["x"] * 2, "n": np.arange(len(inputs["x"]))})
PREDICT = "/v1/models/digits:predict"
ROWS = b'{"instances": [[1, 2]]}'
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site() -> AsyncIterator[Site]:
    async with http_site(ENGINE, model(MODEL)) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url, timeout=20) as client:
        yield client


PREDICTIONS: dict[str, tuple[str, object, object]] = {
    "rows by the model's name": (
        PREDICT,
        {"instances": [[1, 2], [3, 4]]},
        {"predictions": [{"y": [2, 4], "n": 0}, {"y": [6, 8], "n": 1}]},
    ),
    "columns by the model's version": (
        "/v1/models/digits/versions/3:predict",
        {"inputs": {"x": [[1, 2]]}},
        {"outputs": {"y": [[2, 4]], "n": [0]}},
    ),
    "rows by the model's label": (
        "/v1/models/digits/labels/stable:predict",
        {"instances": [[1, 2]]},
        {"predictions": [{"y": [2, 4], "n": 0}]},
    ),
    "the Open Inference Protocol by name": (
        "/v2/models/digits/infer",
        {"id": "a", "inputs": [X], "outputs": [{"name": "y"}]},
        {
            "model_name": "digits",
            "model_version": "3",
            "id": "a",
            "outputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [2, 4]}],
        },
    ),
    "the Open Inference Protocol by version": (
        "/v2/models/digits/versions/3/infer",
        {"inputs": [X], "outputs": [{"name": "n"}]},
        {
            "model_name": "digits",
            "model_version": "3",
            "outputs": [{"name": "n", "shape": [1], "datatype": "INT64", "data": [0]}],
        },
    ),
}


@pytest.mark.parametrize(("path", "body", "answer"), PREDICTIONS.values(), ids=PREDICTIONS)
async def test_predictions(
    client: httpx.AsyncClient, path: str, body: object, answer: object
) -> None:
    reply = await client.post(path, json=body)
    assert reply.status_code == 200
    assert reply.json() == answer
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-frazil-revision"] == "digits-7c9f"


ANSWERS: dict[str, tuple[str, str, int, object]] = {
    "the server lives": ("GET", "/v2/health/live", 200, {"live": True}),
    "the server is ready": ("GET", "/v2/health/ready", 200, {"ready": True}),
    "the model is ready": (
        "GET",
        "/v2/models/digits/versions/3/ready",
        200,
        {"name": "digits", "ready": True},
    ),
    "the models are one": ("GET", "/v2/models", 200, {"models": ["digits"]}),
    "another model has no status": (
        "GET",
        "/v1/models/cats",
        404,
        {"error": "Could not find any versions of model cats"},
    ),
    "another version has no status": (
        "GET",
        "/v1/models/digits/versions/4",
        404,
        {"error": "Could not find version 4 of model digits"},
    ),
    "another model has no metadata": (
        "GET",
        "/v1/models/cats/metadata",
        404,
        {"error": "Could not find any versions of model cats"},
    ),
    "another model cannot be called": (
        "POST",
        "/v1/models/cats:predict",
        404,
        {"error": "Servable not found for request: Latest(cats)"},
    ),
    "another version cannot be called": (
        "POST",
        "/v1/models/digits/versions/4:predict",
        404,
        {"error": "Servable not found for request: Specific(digits, 4)"},
    ),
    "the models of no name": (
        "GET",
        "/v1/models",
        400,
        {"error": "Missing model name in request."},
    ),
    "another label cannot be called": (
        "POST",
        "/v1/models/digits/labels/canary:predict",
        400,
        {"error": "Unrecognized servable version label: canary"},
    ),
    "another label has no status": (
        "GET",
        "/v1/models/digits/labels/canary",
        400,
        {"error": "Unrecognized servable version label: canary"},
    ),
    "another model has no labels": (
        "POST",
        "/v1/models/cats/labels/stable:predict",
        404,
        {"error": "Servable not found for request: Latest(cats)"},
    ),
    "another model cannot be inferred with": (
        "POST",
        "/v2/models/cats/infer",
        404,
        {"error": "Model with name cats does not exist."},
    ),
    "another version cannot be inferred with": (
        "POST",
        "/v2/models/digits/versions/4/infer",
        404,
        {"error": "Model digits has version 3, not 4."},
    ),
    "a path that is none": ("GET", "/a", 404, {"error": "Malformed request: GET /a"}),
    "KServe's version 1 lives": ("GET", "/", 200, {"status": "alive"}),
    "an infer call is posted": (
        "GET",
        "/v2/models/digits/infer",
        405,
        {"error": "Malformed request: GET /v2/models/digits/infer"},
    ),
    "v1's words are read in any case": (
        "GET",
        "/V1/Models/digits/VERSIONS/4/MetaData",
        404,
        {"error": "Could not find version 4 of model digits"},
    ),
    "a model's name is read as it is": (
        "GET",
        "/v1/models/Digits",
        404,
        {"error": "Could not find any versions of model Digits"},
    ),
    "a label's name is read as it is": (
        "GET",
        "/v1/models/digits/LABELS/Stable",
        400,
        {"error": "Unrecognized servable version label: Stable"},
    ),
    "v2's words are read as they are": (
        "GET",
        "/V2/models/digits",
        404,
        {"error": "Malformed request: GET /V2/models/digits"},
    ),
    "a status is of one model": (
        "GET",
        "/v1/models",
        400,
        {"error": "Missing model name in request."},
    ),
}
MALFORMED: dict[str, tuple[str, str]] = {
    "a prediction is posted": ("GET", PREDICT),
    "another model's prediction is posted": ("GET", "/v1/models/cats:predict"),
    "a status is got": ("DELETE", "/v1/models/digits"),
    "a status is not posted": ("POST", "/v1/models/digits"),
    "another model's status is not posted": ("POST", "/v1/models/cats"),
    "metadata are not posted": ("POST", "/v1/models/digits/metadata"),
    "there is no other call": ("POST", "/v1/models/digits:guess"),
    "a call has no metadata": ("GET", "/v1/models/digits:predict/metadata"),
    "a version is a number": ("GET", "/v1/models/digits/versions/one"),
    "a path of v1 that is none": ("GET", "/V1/nothing"),
}


@pytest.mark.parametrize(("method", "path", "status", "answer"), ANSWERS.values(), ids=ANSWERS)
async def test_what_else_is_answered(
    client: httpx.AsyncClient, method: str, path: str, status: int, answer: object
) -> None:
    reply = await client.request(method, path)
    assert (reply.status_code, reply.json()) == (status, answer)
    assert reply.headers["x-frazil-revision"] == "digits-7c9f"


@pytest.mark.parametrize(("method", "path"), MALFORMED.values(), ids=MALFORMED)
async def test_what_tensorflow_serving_calls_malformed(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 400
    assert reply.json() == {"error": f"Malformed request: {method} {path}"}


async def test_the_words_of_v1_are_read_in_any_case(client: httpx.AsyncClient) -> None:
    assert (await client.get("/V1/models/digits")).status_code == 200
    assert (await client.get("/v1/MODELS/digits/Metadata")).status_code == 200
    reply = await client.post("/v1/models/digits/Versions/3:Predict", content=ROWS)
    assert reply.json() == {"predictions": [{"y": [2, 4], "n": 0}]}


async def test_status_and_metadata_are_those_of_both_protocols(client: httpx.AsyncClient) -> None:
    status = (await client.get("/v1/models/digits")).json()
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    metadata = (await client.get("/v1/models/digits/metadata")).json()
    assert "serving_default" in metadata["metadata"]["signature_def"]["signature_def"]
    assert (await client.get("/v2/models/digits")).json()["versions"] == ["3"]
    assert (await client.get("/v2")).json()["name"] == "frazil"


async def test_head_is_get_without_a_body_and_options_tells_the_methods(
    client: httpx.AsyncClient,
) -> None:
    head = await client.head("/v2/models/digits")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    options = await client.options(PREDICT)
    assert (options.status_code, options.headers["allow"]) == (200, "OPTIONS, POST")
    wrong = await client.put("/v2/models/digits", content=b"x")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_the_content_type_does_not_matter(
    client: httpx.AsyncClient, content_type: str
) -> None:
    reply = await client.post(PREDICT, content=ROWS, headers={"content-type": content_type})
    assert reply.status_code == 200


async def test_a_chunked_body_is_read(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for byte in ROWS:
            yield bytes([byte])

    assert (await client.post(PREDICT, content=chunks())).status_code == 200


async def test_a_large_answer_comes_whole(client: httpx.AsyncClient) -> None:
    rows = np.random.default_rng(1).random((50_000, 2), np.float32)
    reply = await client.post(PREDICT, json={"instances": rows.tolist()})
    answered = np.float32([row["y"] for row in reply.json()["predictions"]])
    np.testing.assert_array_equal(answered, rows * 2)


async def test_requests_of_one_connection_are_answered_in_turn(site: Site) -> None:
    request = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    async with site.connect() as client:
        for rows in (b'{"instances": [[1, 2]]}', b'{"instances": [[3, 4]]}'):
            client.writer.write(request % (PREDICT.encode(), len(rows), rows))
        replies = [json.loads((await client.reply()).body) for _ in range(2)]
    assert [reply["predictions"][0]["y"] for reply in replies] == [[2, 4], [6, 8]]


async def test_a_connection_is_kept_until_it_is_old() -> None:
    async with http_site(ENGINE, model(MODEL)) as site:
        async with site.connect() as client:
            for seconds in (0.0, 15.0, 29.9):
                site.clock.now = seconds
                assert "connection" not in (await client.post(PREDICT, ROWS)).headers
            # 30 s: the request is still answered, and the answer is the last.
            site.clock.now = 30.0
            reply = await client.post(PREDICT, ROWS)
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert await client.ended()
        async with site.connect() as client:  # a new connection begins a new life
            assert "connection" not in (await client.post(PREDICT, ROWS)).headers


async def test_while_draining_requests_are_answered_and_connections_end() -> None:
    async with http_site(ENGINE, model(MODEL)) as site:
        async with site.connect() as client:
            assert "connection" not in (await client.post(PREDICT, ROWS)).headers
            site.lifecycle.enter(State.DRAINING)
            reply = await client.post(PREDICT, ROWS)
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert await client.ended()
        async with site.connect() as client:  # some clients have not heard yet
            reply = await client.post(PREDICT, ROWS)
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert await client.ended()


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/digits/ready"])
@pytest.mark.parametrize("state", [State.WARMING, State.DRAINING], ids=lambda state: state.value)
async def test_who_is_not_ready_says_so(site: Site, state: State, path: str) -> None:
    site.lifecycle.state = state
    async with httpx.AsyncClient(base_url=site.url) as client:
        reply = await client.get(path)
    site.lifecycle.state = State.READY
    assert (reply.status_code, reply.json()["ready"]) == (503, False)


async def test_every_prediction_is_counted() -> None:
    async with (
        http_site(ENGINE, model(MODEL)) as site,
        httpx.AsyncClient(base_url=site.url) as client,
    ):
        await client.post(PREDICT, content=ROWS)
        await client.post(PREDICT, content=b"{}")
        await client.post("/v2/models/digits/infer", json={"inputs": [X]})
    lines = site.metrics.render().decode().splitlines()
    for labels in (
        'code="OK",model="digits",protocol="tensorflow-serving",signature="serving_default"',
        'code="INVALID_ARGUMENT",model="digits",protocol="tensorflow-serving",signature=""',
        'code="OK",model="digits",protocol="open-inference",signature="serving_default"',
    ):
        assert f"frazil_requests_total{{{labels}}} 1.0" in lines


async def test_a_bug_is_an_error_that_tells_the_client_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    async with (
        http_site(NumpyEngine(MODEL, fail), model(MODEL)) as site,
        site.connect() as client,
    ):
        reply = await client.post(PREDICT, b'{"instances": [[1, 31415]]}')
    assert (reply.status, reply.body) == (500, b'{"error": "internal error: see the log"}')
    assert "ZeroDivisionError" in caplog.text
    assert "31415" not in caplog.text


async def test_a_long_document_does_not_stop_other_requests(site: Site) -> None:
    rows = b'{"instances": [%s]}' % b",".join([b"[0.123456789, 0.987654321]"] * 300_000)
    order: list[str] = []

    async def ask(client: Client, body: bytes, name: str) -> None:
        assert (await client.post(PREDICT, body)).status == 200
        order.append(name)

    async with (
        site.connect() as slow,
        site.connect() as quick,
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(ask(slow, rows, "slow"))
        group.create_task(ask(quick, ROWS, "quick"))
    assert order == ["quick", "slow"]
