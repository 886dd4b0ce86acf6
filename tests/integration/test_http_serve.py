"""Both REST protocols of a real `frazil serve`: what goes through a real session comes back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tensorflow as tf
from fakes.artifacts import one_to_one, write_artifact
from fakes.serving import serving

from frazil_runtime.dtypes import BY_NAME

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]

VALUES: dict[str, list[object]] = {
    "float16": [0.5, -65504.0],
    "bfloat16": [0.5, -2.0],
    "float32": [0.1, 3.4028235e38],
    "float64": [0.1, 1.7976931348623157e308],
    "int8": [-128, 127],
    "int16": [-32768, 32767],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "uint8": [0, 255],
    "uint16": [0, 65535],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
    "bool": [True, False],
    "string": ["", "ä" * 1000],
}
BINARY = {"b64": "AP8="}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A model with one signature for each dtype, that answers with what it is given."""
    directory = tmp_path_factory.mktemp("echo")

    def build() -> None:
        for dtype in VALUES:
            x = tf.compat.v1.placeholder(tf.dtypes.as_dtype(dtype), [None], dtype)
            tf.identity(x, f"{dtype}_out")

    write_artifact(
        directory,
        build,
        {dtype: one_to_one(dtype, f"{dtype}_out", dtype, (-1,)) for dtype in VALUES},
        samples={dtype: {dtype: _sample(dtype)} for dtype in VALUES},
    )
    with (
        serving(directory, "--name=echo") as server,
        httpx.Client(base_url=server.address("listening"), timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("dtype", VALUES)
def test_rows_and_columns_come_back(client: httpx.Client, dtype: str) -> None:
    values = VALUES[dtype]
    rows = {"signature_name": dtype, "instances": values}
    assert _post(client, "/v1/models/echo:predict", rows) == {"predictions": values}
    columns = {"signature_name": dtype, "inputs": {dtype: values}}
    assert _post(client, "/v1/models/echo:predict", columns) == {"outputs": values}


@pytest.mark.parametrize("dtype", VALUES)
def test_tensors_come_back(client: httpx.Client, dtype: str) -> None:
    tensor = {"shape": [2], "datatype": BY_NAME[dtype].oip, "data": VALUES[dtype]}
    answer = _post(
        client,
        "/v2/models/echo/infer",
        {"parameters": {"signature_name": dtype}, "inputs": [{"name": dtype, **tensor}]},
    )
    assert answer["outputs"] == [{"name": f"{dtype}_out", **tensor}]


def test_bytes_come_back(client: httpx.Client) -> None:
    rows = {"signature_name": "string", "instances": [BINARY, "text"]}
    assert _post(client, "/v1/models/echo:predict", rows) == {"predictions": [BINARY, "text"]}


def test_numbers_that_are_none_come_back(client: httpx.Client) -> None:
    body = b'{"signature_name": "float32", "instances": [NaN, Infinity, -Infinity]}'
    answer = client.post("/v1/models/echo:predict", content=body)
    assert answer.content == b'{"predictions":[NaN,Infinity,-Infinity]}'
    assert math.isnan(json.loads(answer.content)["predictions"][0])


def test_a_million_numbers_come_back(client: httpx.Client) -> None:
    values = np.random.default_rng(1).random(1_000_000, np.float32)
    body = (
        b'{"signature_name": "float32", "inputs": [%s]}'
        % ",".join(map(str, values.tolist())).encode()
    )
    answer = client.post("/v1/models/echo:predict", content=body).json()
    np.testing.assert_array_equal(np.float32(answer["outputs"]), values)


def _sample(dtype: str) -> np.ndarray:
    return np.array([b""], object) if dtype == "string" else np.zeros(1, BY_NAME[dtype].numpy)


def _post(client: httpx.Client, path: str, body: object) -> dict[str, object]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    record: dict[str, object] = json.loads(answer.content)
    return record
