"""Good requests with a few bytes changed: read, or refused with an error of the protocol.

What is read fits the signature, and numbers are those that orjson and numpy would read. The codecs'
own tests make up requests from nothing; `make fuzz` runs all of them at length.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson
import pytest
from fakes.models import model, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from frazil_runtime.errors import InferenceError
from frazil_runtime.image_header import MAX_PIXELS, ImageError, read_header
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.protocol import (
    classification,
    examples,
    numbers,
    open_inference,
    open_inference_grpc,
    tf_serving,
    tf_serving_grpc,
)
from frazil_runtime.protocol.messages import message_class, parse
from frazil_runtime.requests import InferRequest
from frazil_runtime.transport import encodings, options
from frazil_runtime.transport.rpc_compression import inflated
from frazil_runtime.validation import check_inputs

MAX_BYTES = 2**20
EXAMPLES = settings(max_examples=max(500, settings().max_examples))

X = tensor("x", "float32", (-1, 3))
TEXT = tensor("text", "string", (-1,))
OF = Manifest(
    {
        "serving_default": Signature((X,), (tensor("y"),)),
        "text": Signature((TEXT,), (tensor("y"),)),
        "classify": Signature((TEXT,), (tensor("scores"),)),
        "whole": Signature((tensor("n", "int8", (-1,)), tensor("w", "uint64", None)), ()),
    },
    "serving_default",
    {},
)
PIECES = st.binary(max_size=4) | st.sampled_from(
    [
        *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"-", b".", b"e", b"0", b" ", b"\0"),
        *(b"[]", b"[[", b"]]", b"{}", b'""', b"null", b"true", b"1.5", b"-0.0", b"1e999", b"-1"),
        *(b"NaN", b"Infinity", b"\xff", b"\\ud800", b"9" * 30, b"18446744073709551615"),
        *(b"\xff\xff\xff\xff\x0f", b"\x80" * 10, struct.pack("<I", 2**31), b"\x1f\x8b"),
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 12), PIECES), max_size=4)


def changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The data with a piece in place of some bytes, at each of some places."""
    for place, size, piece in changes:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + size :]
    return data


def damaged(*good: bytes) -> st.SearchStrategy[bytes]:
    """One of some good requests, with changes."""
    return st.builds(changed, st.sampled_from(good), CHANGES)


def document(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def fits(request: InferRequest) -> None:
    """What has been read is what the model takes, and no larger than it may be."""
    arrays = check_inputs(OF.signatures[request.signature], request.inputs)
    assert sum(array.nbytes for array in arrays) <= MAX_BYTES


ROWS = [[1, 2.5, -3e-2], [4, 5, 6]]
LONG = [[i, i / 7, -i] for i in range(100)]
PREDICTIONS = (
    document(instances=ROWS),
    document(instances=[{"x": row} for row in ROWS]),
    document(signature_name="serving_default", inputs={"x": LONG}),
    document(signature_name="text", instances=["a", {"b64": "AP8="}, "ä"]),
    document(signature_name="whole", inputs={"n": [1, -2], "w": [[2**64 - 1, 0]] * 100}),
)


@EXAMPLES
@given(damaged(*PREDICTIONS))
def test_predict(body: bytes) -> None:
    with suppress(InferenceError):
        fits(tf_serving.decode(body, OF).request)


SMALL = {"LONG": 1024, "_WINDOW": 128, "_STRIDE": 256, "_PIECE": 128}
PARSERS = {"as a whole or by simdjson": {}, "piece by piece": SMALL}


@pytest.mark.parametrize("sizes", PARSERS.values(), ids=PARSERS)
@EXAMPLES
@given(body=damaged(document(instances=ROWS), document(instances=LONG)))
def test_numbers_are_those_that_others_read(sizes: dict[str, int], body: bytes) -> None:
    expected = reference(body)
    with patch.multiple(numbers, **sizes) if sizes else nullcontext():
        try:
            read = tf_serving.decode(body, OF).request.inputs["x"]
        except InferenceError:
            assert expected is None
            return
    if expected is None:  # the standard library reads these, and orjson does not
        assert b"NaN" in body or b"Infinity" in body
    else:
        np.testing.assert_array_equal(read, expected)


def reference(body: bytes) -> np.ndarray | None:  # type: ignore[type-arg]
    """The rows in the slow way; None where they are none."""
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or "inputs" in record:
        return None
    rows = record.get("instances")
    if record.get("signature_name", "") not in ("", "serving_default") or not rows:
        return None
    if not isinstance(rows, list) or not all(type(row) is list and len(row) == 3 for row in rows):
        return None
    if not all(type(number) in (int, float) for row in rows for number in row):
        return None
    with np.errstate(over="ignore"):
        array = np.array(rows, np.float64).astype(np.float32)
    return array if np.isfinite(array).all() else None


CLASSIFICATIONS = (
    document(signature_name="classify", examples=[{"a": 1, "b": [0.5], "c": "d"}]),
    document(
        signature_name="classify",
        context={"a": {"b64": "AP8="}},
        examples=[{"n": list(range(300))}, {"t": ["a", "b"], "e": []}],
    ),
)


@EXAMPLES
@given(damaged(*CLASSIFICATIONS))
def test_classify(body: bytes) -> None:
    with suppress(InferenceError):
        call = classification.decode(body, OF, examples.Method.CLASSIFY)
        fits(call.request)
        for text in call.request.inputs["text"]:
            message_class("tensorflow.Example").FromString(text)


RECORD = {"name": "x", "shape": [2, 3], "datatype": "FP32"}
RAW = np.float32(ROWS).tobytes()
STRINGS = {"name": "text", "shape": [2], "datatype": "BYTES"}
INFERENCES = (
    document(id="a", inputs=[RECORD | {"data": ROWS}], outputs=[{"name": "y"}]),
    document(inputs=[RECORD | {"shape": [100, 3], "data": [n for row in LONG for n in row]}]),
    document(parameters={"signature_name": "text"}, inputs=[STRINGS | {"data": ["a", "b"]}]),
    document(
        parameters={"signature_name": "text", "timeout": 9, "priority": 1},
        inputs=[STRINGS | {"data": ["YQ==", ""], "parameters": {"content_type": "base64"}}],
    ),
)
BINARIES = tuple(
    (head, data)
    for head, data in (
        (document(inputs=[RECORD | {"parameters": {"binary_data_size": 24}}]), RAW),
        (
            document(
                parameters={"signature_name": "text"},
                inputs=[STRINGS | {"parameters": {"binary_data_size": 11}}],
            ),
            struct.pack("<I3sI", 3, b"abc", 0)[:7] + bytes(4),
        ),
    )
)


@EXAMPLES
@given(damaged(*INFERENCES))
def test_infer(body: bytes) -> None:
    with suppress(InferenceError):
        fits(open_inference.decode(body, OF).request)


@EXAMPLES
@given(st.sampled_from(BINARIES), CHANGES, CHANGES, st.sampled_from([0, 0, 0, -1, 1, 2**40]))
def test_infer_in_binary(good: tuple[bytes, bytes], head: Any, data: Any, lie: int) -> None:
    text = changed(good[0], head)
    length = max(0, len(text) + lie)
    with suppress(InferenceError):
        fits(open_inference.decode(text + changed(good[1], data), OF, length).request)


def serialised(kind: str, **fields: Any) -> bytes:
    data: bytes = message_class(kind)(**fields).SerializeToString()
    return data


SPEC = {"name": "digits"}
SHAPE = {"dim": [{"size": 2}, {"size": 3}]}
FLOATS = {"dtype": 1, "tensor_shape": SHAPE}
FEATURES = {"features": {"feature": {"a": {"float_list": {"value": [1, 2]}}}}}
INPUT = {"example_list_with_context": {"examples": [FEATURES], "context": FEATURES}}
CLASSIFY = {"model_spec": SPEC | {"signature_name": "classify"}, "input": INPUT}
PREDICT = "tensorflow.serving.PredictRequest"
INFER = "inference.ModelInferRequest"
GRPC: dict[str, tuple[Any, Any, tuple[bytes, ...]]] = {
    "Predict": (
        tf_serving_grpc.PREDICT,
        partial(tf_serving_grpc.decode_predict, max_bytes=MAX_BYTES),
        (
            serialised(PREDICT, model_spec=SPEC, inputs={"x": FLOATS | {"tensor_content": RAW}}),
            serialised(PREDICT, model_spec=SPEC, inputs={"x": FLOATS | {"float_val": [1, 2]}}),
            serialised(
                PREDICT,
                model_spec=SPEC | {"signature_name": "text"},
                inputs={
                    "text": {
                        "dtype": 7,
                        "tensor_shape": {"dim": [{"size": 2}]},
                        "string_val": [b"a", b"b"],
                    }
                },
            ),
        ),
    ),
    "Classify": (
        tf_serving_grpc.CLASSIFY,
        tf_serving_grpc.decode_classify,
        (serialised("tensorflow.serving.ClassificationRequest", **CLASSIFY),),
    ),
    "MultiInference": (
        tf_serving_grpc.MULTI,
        tf_serving_grpc.decode_multi,
        (
            serialised(
                "tensorflow.serving.MultiInferenceRequest",
                tasks=[
                    {
                        "model_spec": CLASSIFY["model_spec"],
                        "method_name": examples.Method.CLASSIFY.value,
                    }
                ],
                input=INPUT,
            ),
        ),
    ),
    "ModelInfer": (
        open_inference_grpc.REQUEST,
        open_inference_grpc.decode,
        (
            serialised(INFER, model_name="digits", inputs=[RECORD], raw_input_contents=[RAW]),
            serialised(
                INFER,
                inputs=[RECORD | {"contents": {"fp32_contents": [n for row in ROWS for n in row]}}],
            ),
            serialised(
                INFER,
                inputs=[STRINGS | {"contents": {"bytes_contents": [b"a", b"b"]}}],
                parameters={"signature_name": {"string_param": "text"}},
            ),
        ),
    ),
}


@pytest.mark.parametrize(("kind", "decode", "good"), GRPC.values(), ids=GRPC)
@EXAMPLES
@given(data=st.data())
def test_over_grpc(kind: Any, decode: Any, good: tuple[bytes, ...], data: st.DataObject) -> None:
    message = data.draw(damaged(*good))
    with suppress(InferenceError):
        for request in decode(parse(kind, inflated(message, MAX_BYTES)), model(OF)).requests:
            fits(request)


BODY = document(instances=LONG)
COMPRESSED = {
    "gzip": gzip.compress(BODY, mtime=0),
    "deflate": zlib.compress(BODY),
}


@EXAMPLES
@given(damaged(*COMPRESSED.values(), COMPRESSED["deflate"][2:-4]), st.sampled_from([*COMPRESSED]))
def test_compressed_bodies(body: bytes, encoding: str) -> None:
    with suppress(InferenceError):
        assert len(encodings.inflate(body, encoding, len(BODY))) <= len(BODY)


NAMES = [
    *(b"x-request-timeout-ms", b"cache-control", b"inference-header-content-length"),
    *(b"content-encoding", b"accept-encoding"),
]
VALUES = damaged(b"250", b"1.5", b"no-store, max-age=0", b"gzip;q=0.5, deflate", b"gzip")


@EXAMPLES
@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_headers(headers: dict[bytes, bytes]) -> None:
    with suppress(InferenceError):
        read = options.read(headers)
        assert read.timeout is None or 0 < read.timeout < 1e12
        assert read.json_bytes is None or read.json_bytes >= 0


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0)
JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0"
    + bytes(64)
    + b"\xff\xc0\0\x11\x08"
    + struct.pack(">HH", 480, 640)
    + b"\3\1\x22\0\2\x11\1\3\x11\1\xff\xda\0\x0c"
)


@EXAMPLES
@given(damaged(PNG, JPEG))
def test_images(image: bytes) -> None:
    with suppress(ImageError):
        header = read_header(image)
        assert 0 < header.width * header.height <= MAX_PIXELS


def test_what_is_not_changed_is_read() -> None:
    for body in PREDICTIONS:
        fits(tf_serving.decode(body, OF).request)
    for body in CLASSIFICATIONS:
        fits(classification.decode(body, OF, examples.Method.CLASSIFY).request)
    for body in INFERENCES:
        fits(open_inference.decode(body, OF).request)
    for head, data in BINARIES:
        fits(open_inference.decode(head + data, OF, len(head)).request)
    for kind, decode, good in GRPC.values():
        for message in good:
            fits(decode(parse(kind, message), model(OF)).requests[0])
    assert encodings.inflate(COMPRESSED["gzip"], "gzip", len(BODY)) == BODY
    assert read_header(PNG).width == read_header(JPEG).width == 640
