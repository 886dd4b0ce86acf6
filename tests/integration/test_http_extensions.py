"""Triton's extensions, classify and regress, compression, refusals at the door: real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
import pytest_asyncio
from fakes.http import Site, http_site
from fakes.models import NumpyEngine, model, tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import State
from frazil_runtime.manifest import Manifest, Signature

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TEXTS = (tensor("inputs", "string", (-1,)),)
MODEL = Manifest(
    {
        "serving_default": Signature((tensor("x"),), (tensor("y"),)),
        "classify": Signature(TEXTS, (tensor("classes", "string"), tensor("scores"))),
        "regress": Signature(TEXTS, (tensor("outputs", "float32", (-1,)),)),
    },
    "serving_default",
    {},
)


def _compute(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    if "x" in inputs:
        return {"y": inputs["x"] * 2}
    sizes = np.float32([len(text) for text in inputs["inputs"]])
    labels = np.array([[b"cat"]] * len(sizes), object)
    return {"classes": labels, "scores": sizes.reshape(-1, 1), "outputs": sizes}


ENGINE = NumpyEngine(MODEL, _compute)  # type: ignore[arg-type]
PREDICT = "/v1/models/digits:predict"
INFER = "/v2/models/digits/infer"
ROWS = b'{"instances": [[1, 2]]}'
MANY = b'{"instances": [%s]}' % b",".join([b"[1, 2]"] * 20_000)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site() -> AsyncIterator[Site]:
    async with http_site(ENGINE, model(MODEL)) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url, timeout=20) as client:
        yield client


async def test_tensors_travel_as_binary_data(client: httpx.AsyncClient) -> None:
    x = np.random.default_rng(1).random((100, 2), np.float32)
    record = {"name": "x", "shape": [100, 2], "datatype": "FP32"}
    record["parameters"] = {"binary_data_size": x.nbytes}
    head = json.dumps({"inputs": [record], "parameters": {"binary_data_output": True}}).encode()
    reply = await client.post(
        INFER,
        content=head + x.tobytes(),
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    assert reply.headers["content-type"] == "application/octet-stream"
    json_bytes = int(reply.headers["inference-header-content-length"])
    (output,) = json.loads(reply.content[:json_bytes])["outputs"]
    assert output["parameters"] == {"binary_data_size": x.nbytes}
    answered = np.frombuffer(reply.content[json_bytes:], np.float32).reshape(output["shape"])
    np.testing.assert_array_equal(answered, x * 2)


ASKED: dict[str, tuple[str, str, str]] = {
    "a model's statistics": ("GET", "/v2/models/digits/stats", "model_stats"),
    "a version's statistics": ("GET", "/v2/models/digits/versions/3/stats", "model_stats"),
    "all statistics": ("GET", "/v2/models/stats", "model_stats"),
    "a model's configuration": ("GET", "/v2/models/digits/config", "max_batch_size"),
    "the server's extensions": ("GET", "/v2", "extensions"),
}


@pytest.mark.parametrize(("method", "path", "key"), ASKED.values(), ids=ASKED)
async def test_what_is_told(client: httpx.AsyncClient, method: str, path: str, key: str) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 200
    assert key in reply.json()


READY = {"name": "digits", "version": "3", "state": "READY", "reason": ""}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false}'])
async def test_the_index_lists_what_is_served(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/v2/repository/index", content=body)).json() == [READY]


async def test_the_index_of_what_is_ready_is_empty_while_draining(site: Site) -> None:
    site.lifecycle.state = State.DRAINING
    async with httpx.AsyncClient(base_url=site.url) as client:
        ready = await client.post("/v2/repository/index", json={"ready": True})
        all_there = await client.post("/v2/repository/index")
    site.lifecycle.state = State.READY
    assert ready.json() == []
    assert all_there.json() == [READY | {"state": "UNAVAILABLE", "reason": "draining"}]


@pytest.mark.parametrize("body", [b"[]", b'{"ready": 1}', b"x", b"null"])
async def test_an_index_that_is_asked_wrongly(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/v2/repository/index", content=body)).status_code == 400


NEVER: dict[str, tuple[str, str, str]] = {
    "generate": ("POST", "/v2/models/digits/generate", "use infer"),
    "generate_stream": ("POST", "/v2/models/digits/versions/3/generate_stream", "use infer"),
    "load": ("POST", "/v2/repository/models/digits/load", "change the ModelDeployment"),
    "unload": ("POST", "/v2/repository/models/cats/unload", "change the ModelDeployment"),
    "the status of shared memory": ("GET", "/v2/systemsharedmemory/status", "as binary data"),
    "the status of a region": ("GET", "/v2/systemsharedmemory/region/a/status", "binary data"),
    "registering it": ("POST", "/v2/systemsharedmemory/region/a/register", "binary data"),
    "registering a GPU's": ("POST", "/v2/cudasharedmemory/region/a/register", "binary data"),
    "traces": ("GET", "/v2/trace/setting", "/metrics"),
    "a model's traces": ("POST", "/v2/models/digits/trace/setting", "/metrics"),
    "log settings": ("POST", "/v2/logging", "no settings"),
}


@pytest.mark.parametrize(("method", "path", "words"), NEVER.values(), ids=NEVER)
async def test_what_cannot_be_had(
    client: httpx.AsyncClient, method: str, path: str, words: str
) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 501
    assert words in reply.json()["error"]


async def test_examples_are_classified(client: httpx.AsyncClient) -> None:
    body = {"signature_name": "classify", "examples": [{"a": 1}, {"a": ["b", {"b64": "/w=="}]}]}
    reply = await client.post("/v1/models/digits:classify", json=body)
    assert reply.status_code == 200
    assert [[label for label, _ in row] for row in reply.json()["results"]] == [["cat"], ["cat"]]


async def test_examples_are_regressed_in_their_context(client: httpx.AsyncClient) -> None:
    body = {"signature_name": "regress", "examples": [{"a": 1.5}]}
    path = "/v1/models/digits/versions/3:regress"
    (alone,) = (await client.post(path, json=body)).json()["results"]
    (beside,) = (await client.post(path, json=body | {"context": {"b": "c"}})).json()["results"]
    assert 0 < alone < beside


async def test_a_signature_that_takes_no_examples_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/models/digits:classify", json={"examples": [{"a": 1}]})
    assert reply.status_code == 400
    assert "cannot classify" in reply.json()["error"]


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_bodies_are_compressed_both_ways(
    client: httpx.AsyncClient, encoding: str, compress: object
) -> None:
    plain = await client.post(PREDICT, content=MANY, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert callable(compress)
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    reply = await client.post(PREDICT, content=compress(MANY), headers=headers)
    assert (reply.status_code, reply.headers["content-encoding"]) == (200, encoding)
    assert int(reply.headers["content-length"]) < len(plain.content) / 4
    assert reply.json() == plain.json()


async def test_an_answer_tells_of_the_cache(client: httpx.AsyncClient) -> None:
    reply = await client.post(PREDICT, content=ROWS)
    assert reply.headers["x-frazil-cache"] == "off"


class Full:
    """A door that is shut."""

    def admit(self, model: str, content_length: int | None) -> int:
        raise InferenceError(Code.RESOURCE_EXHAUSTED, f"{model} is busy", retry_after=2.5)

    def arrived(self) -> None:
        raise AssertionError("nobody was let in")

    def grow(self, held: int, size: int) -> int:
        raise AssertionError("nobody was let in")

    def release(self, held: int) -> None:
        assert held == 0


async def test_who_is_refused_at_the_door_reads_why_while_still_sending() -> None:
    async with http_site(ENGINE, model(MODEL), admission=Full()) as site:
        async with httpx.AsyncClient(base_url=site.url, timeout=20) as client:
            reply = await client.post(PREDICT, content=bytes(50_000_000))
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "3")
        assert reply.json() == {"error": "digits is busy"}
        assert reply.headers["connection"] == "close"


async def test_who_asks_before_sending_is_refused_without_a_go_ahead() -> None:
    async with http_site(ENGINE, model(MODEL), admission=Full()) as site, site.connect() as client:
        await client.send(
            f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert (await client.reply()).status == 429


async def test_what_needs_no_room_is_answered_when_there_is_none() -> None:
    async with (
        http_site(ENGINE, model(MODEL), admission=Full()) as site,
        httpx.AsyncClient(base_url=site.url) as client,
    ):
        async with asyncio.timeout(20):
            assert (await client.get("/v2/health/ready")).status_code == 200
            assert (await client.get("/v2/models/digits/stats")).status_code == 200
