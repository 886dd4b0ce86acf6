"""The Open Inference Protocol with Triton's binary tensor data: lengths are never believed."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import manifest, tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import open_inference
from frazil_runtime.protocol.open_inference import Infer
from frazil_runtime.requests import Body

Array = npt.NDArray[Any]

TWO = manifest((tensor("x"), tensor("text", "string", (-1,))))
ONE = manifest((tensor("x"),))
HALF = np.float32([[1, 2]]).tobytes()
HELLO = struct.pack("<I", 5) + b"hello"


def x(size: object = len(HALF), **fields: object) -> dict[str, Any]:
    record = {"name": "x", "shape": [1, 2], "datatype": "FP32"}
    return record | {"parameters": {"binary_data_size": size}} | fields


def text(size: int = len(HELLO)) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": parameters}


def decode(inputs: list[Any], data: bytes, lie: int = 0, **document: object) -> Infer:
    """Of a request with one or two inputs, whose document seems ``lie`` bytes longer than it is."""
    head = json.dumps({"inputs": inputs, **document}).encode()
    return open_inference.decode(head + data, TWO if len(inputs) == 2 else ONE, len(head) + lie)


def test_an_input_is_a_view_of_the_body() -> None:
    array = decode([x()], HALF).request.inputs["x"]
    assert (array.dtype, array.tolist()) == (np.float32, [[1, 2]])
    assert not array.flags.owndata


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_nobody_writes_to_the_body_through_an_input(kind: type[Body]) -> None:
    head = json.dumps({"inputs": [x()]}).encode()
    call = open_inference.decode(kind(head + HALF), ONE, len(head))
    assert not call.request.inputs["x"].flags.writeable


@pytest.mark.parametrize("turned", [False, True])
def test_the_data_is_in_the_requests_order_not_the_signatures(turned: bool) -> None:
    inputs, data = ([text(), x()], HELLO + HALF) if turned else ([x(), text()], HALF + HELLO)
    arrays = decode(inputs, data).request.inputs
    assert arrays["x"].tolist() == [[1, 2]]
    assert arrays["text"].tolist() == [b"hello"]


def test_an_input_may_be_json_beside_one_that_is_binary() -> None:
    plain = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    arrays = decode([plain, text()], HELLO).request.inputs
    assert arrays["x"].tolist() == [[1, 2]]
    assert arrays["text"].tolist() == [b"hello"]


REFUSED: dict[str, tuple[list[Any], bytes, int, str]] = {
    "a size beyond the end": (
        [x(9)],
        HALF,
        0,
        'input "x" has a binary_data_size of 9, but 8 bytes',
    ),
    "a size of exabytes": ([x(2**62)], HALF, 0, 'input "x" has a binary_data_size of'),
    "a second size beyond the end": (
        [x(), text(99)],
        HALF + HELLO,
        0,
        'input "text" has a binary_data_size of 99, but 9 bytes are left of the request\'s 17',
    ),
    "a size of more than 63 bits": ([x(2**63)], HALF, 0, '"binary_data_size" must be from 0 to'),
    "a negative size": ([x(-8)], HALF, 0, '"binary_data_size" must be from 0 to'),
    "a size that is no whole number": ([x(8.0)], HALF, 0, "must be a whole number"),
    "a size that is a truth": ([x(True)], HALF, 0, "must be a whole number"),
    "a size that is not the shape's": (
        [x(4)],
        HALF[:4],
        0,
        'input "x" has shape [1, 2] of float32',
    ),
    "surplus bytes": ([x()], HALF + b"1", 0, '1 bytes of binary data after input "x"'),
    "bytes that no input claims": (
        [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}],
        HALF,
        0,
        "8 bytes of binary data that no input claims",
    ),
    "truncated data": ([x()], HALF[:-1], 0, "but 7 bytes are left of the request's 7"),
    "no data at all": ([x()], b"", 0, "but 0 bytes are left"),
    "a header beyond the body": ([x()], HALF, 99, "Inference-Header-Content-Length is"),
    "a header that is too short": ([x()], HALF, -1, "JSON Parse error"),
    "a header that is too long": ([x()], HALF, 1, "JSON Parse error"),
    "both kinds of data": ([x(data=[1, 2])], HALF, 0, 'input "x" must have either "data" or'),
    "neither kind": ([x(parameters={})], b"", 0, 'input "x" must have either "data" or'),
    "a shape that overflows": ([x(shape=[2**62, 2])], HALF, 0, "too many elements"),
    "strings that are cut": ([x(), text(8)], HALF + HELLO[:8], 0, 'input "text": byte string 0'),
}


@pytest.mark.parametrize(("inputs", "data", "lie", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(inputs: list[Any], data: bytes, lie: int, words: str) -> None:
    with pytest.raises(InferenceError) as raised:
        decode(inputs, data, lie)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert words in str(raised.value)


def test_binary_data_without_its_header_is_refused() -> None:
    with pytest.raises(InferenceError, match="the request has no Inference-Header-Content-Length"):
        open_inference.decode(json.dumps({"inputs": [x()]}).encode(), ONE)


WANTED: dict[str, tuple[dict[str, object], tuple[bool, bool]]] = {
    "no output, unless one is asked for": ({}, (False, False)),
    "all, if the request says so": ({"parameters": {"binary_data_output": True}}, (True, True)),
    "one, if it says so": (
        {"outputs": [{"name": "y", "parameters": {"binary_data": True}}, {"name": "z"}]},
        (True, False),
    ),
    "all but one": (
        {
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "y", "parameters": {"binary_data": False}}, {"name": "z"}],
        },
        (False, True),
    ),
}


@pytest.mark.parametrize(("document", "binary"), WANTED.values(), ids=WANTED)
def test_which_outputs_are_binary(document: dict[str, object], binary: tuple[bool, bool]) -> None:
    call = decode([x()], HALF, **document)
    outputs = {"y": np.int16([[1, -1]]), "z": np.array([b"hello"], object)}
    body, json_bytes = open_inference.encode(call, outputs, model="m", version="1")
    records = json.loads(body[:json_bytes])["outputs"]
    assert tuple("data" not in record for record in records) == binary
    raws = [raw for raw, asked in zip((b"\x01\x00\xff\xff", HELLO), binary, strict=True) if asked]
    sizes = [r["parameters"]["binary_data_size"] for r in records if "parameters" in r]
    assert sizes == [len(raw) for raw in raws]
    assert body[len(body) if json_bytes is None else json_bytes :] == b"".join(raws)


def test_an_empty_output_is_binary_all_the_same() -> None:
    call = decode([x()], HALF, parameters={"binary_data_output": True})
    outputs = {"y": np.zeros((0, 2), np.float32)}
    body, json_bytes = open_inference.encode(call, outputs, model="m", version="1")
    assert json_bytes == len(body)


def test_no_datatype_is_complex() -> None:
    call = decode([x()], HALF, parameters={"binary_data_output": True})
    with pytest.raises(InferenceError, match="no such datatype") as raised:
        open_inference.encode(call, {"y": np.zeros(1, np.complex64)}, model="m", version="1")
    assert raised.value.code is Code.UNIMPLEMENTED


def test_priority_and_timeout_are_the_engines() -> None:
    parameters = {"priority": 2, "timeout": 1_500_000, "anything": ["else"]}
    request = decode([x()], HALF, parameters=parameters).request
    assert (request.priority, request.timeout) == (2, 1.5)


def test_nothing_is_a_timeout_of_0() -> None:
    request = decode([x()], HALF, parameters={"timeout": 0, "sequence_id": 0}).request
    assert request.timeout is None


NEVER: dict[str, tuple[dict[str, object], str]] = {
    **{
        f"a request with {name}": ({"parameters": {name: 1}}, "each request stands alone")
        for name in ("sequence_id", "sequence_start", "sequence_end")
    },
    "an input in shared memory": (
        {"inputs": [x(parameters={"shared_memory_region": "a", "shared_memory_byte_size": 8})]},
        "send tensors in the request",
    ),
    "an output into shared memory": (
        {"outputs": [{"name": "y", "parameters": {"shared_memory_region": "a"}}]},
        "send tensors in the request",
    ),
    "a ranking of classes": (
        {"outputs": [{"name": "y", "parameters": {"classification": 3}}]},
        "rank them yourself",
    ),
}


@pytest.mark.parametrize(("document", "words"), NEVER.values(), ids=NEVER)
def test_what_cannot_be_had_is_said_with_what_to_do(document: dict[str, Any], words: str) -> None:
    with pytest.raises(InferenceError, match=words) as raised:
        decode(document.pop("inputs", [x()]), HALF, **document)
    assert raised.value.code is Code.UNIMPLEMENTED


BAD: dict[str, dict[str, object]] = {
    "a timeout below 0": {"timeout": -1},
    "a timeout that is text": {"timeout": "1"},
    "a priority with a fraction": {"priority": 1.5},
    "a priority that is a truth": {"priority": True},
    "binary_data_output that is a number": {"binary_data_output": 1},
    "a signature that is a number": {"signature_name": 1},
}


@pytest.mark.parametrize("parameters", BAD.values(), ids=BAD)
def test_parameters_are_of_their_types(parameters: dict[str, object]) -> None:
    with pytest.raises(InferenceError, match=f'parameter "{next(iter(parameters))}" must be'):
        decode([x()], HALF, parameters=parameters)
