"""Requests and answers of the Open Inference Protocol, written and read by a client."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest
from fakes.models import manifest, tensor

from frazil_runtime.client.commands import readable
from frazil_runtime.client.records import AnswerError, outputs, request
from frazil_runtime.protocol import open_inference


@pytest.mark.parametrize(
    ("dtype", "array"),
    [
        pytest.param("float32", np.array([[0.1, np.inf]], np.float32), id="float32"),
        pytest.param("int64", np.array([[-(2**63)]]), id="int64"),
        pytest.param("bool", np.array([[True, False]]), id="bool"),
        pytest.param("bfloat16", np.array([[1.5]], ml_dtypes.bfloat16), id="bfloat16"),
        pytest.param("string", np.array([["ä".encode()]], object), id="text"),
        pytest.param("string", np.array([[b"\xff\x00"]], object), id="bytes"),
    ],
)
def test_the_server_reads_what_was_sent(dtype: str, array: np.ndarray) -> None:
    of = manifest((tensor("x", dtype, (-1, -1)),))
    call = open_inference.decode(request({"x": array}, None), of)
    np.testing.assert_array_equal(call.request.inputs["x"], array)
    assert call.request.inputs["x"].dtype == array.dtype
    answer, _ = open_inference.encode(call, {"x": array}, model="m", version="1")
    back = outputs(json.loads(answer))["x"]
    finite = np.where(array == np.inf, np.nan, array) if dtype == "float32" else array
    np.testing.assert_array_equal(back, finite)  # an answer says null of what is not finite


def test_a_signature_is_named_in_the_parameters() -> None:
    assert json.loads(request({}, "embed"))["parameters"] == {"signature_name": "embed"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="no outputs"),
        pytest.param([], id="a list"),
        pytest.param({"outputs": {}}, id="outputs that are no list"),
        pytest.param({"outputs": [{"name": "y"}]}, id="an output without data"),
        pytest.param(
            {"outputs": [{"name": "y", "datatype": "FP32", "shape": [3], "data": [1]}]},
            id="a shape that does not fit",
        ),
    ],
)
def test_what_is_no_answer(answer: object) -> None:
    with pytest.raises(AnswerError, match="none of the Open Inference Protocol"):
        outputs(answer)


def test_outputs_are_readable() -> None:
    text = readable({"y": np.array([[0.5]], np.float32), "words": np.array([b"a"], object)})
    assert text.splitlines() == ["y  float32 [1, 1]", "  [[0.5]]", "words  string [1]", "  ['a']"]
    assert "..." in readable({"y": np.zeros(1000)})
