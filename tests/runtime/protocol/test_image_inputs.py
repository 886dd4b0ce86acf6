"""An image input in every protocol: strings are images or URIs, all else is the prepared tensor."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import manifest, model, tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Image
from frazil_runtime.protocol import (
    descriptions,
    examples,
    grpc_descriptions,
    open_inference,
    open_inference_grpc,
    tf_serving,
    tf_serving_grpc,
)
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.protocol.raw import to_raw
from frazil_runtime.request_signatures import as_requested
from frazil_runtime.requests import InferRequest
from frazil_runtime.uris import Uri

Array = npt.NDArray[Any]
Sent = tuple[Callable[..., InferRequest], Any]

PHOTO = tensor("photo", shape=(-1, 1, 2, 3))
IMAGES = {"photo": Image("preprocess.pb", "in:0", "out:0", "float32", (1, 2, 3))}
OF = as_requested(replace(manifest((PHOTO,), (tensor("y"),)), images=IMAGES))
MODEL = model(OF)

JPEG, PNG = b"\xff\xd8\xff\0", b"\x89PNG\0"
URI = "https://photos.example/a.jpg"
PREPARED = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
SIZES = [1, 1, 2, 3]
NUMBERS = PREPARED.ravel().tolist()


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def v1(document: Any) -> InferRequest:
    return tf_serving.decode(json.dumps(document).encode(), OF).request


def v2(record: Any, raw: bytes = b"", **parameters: Any) -> InferRequest:
    if raw:
        own = {**record.get("parameters", {}), "binary_data_size": len(raw)}
        record = {**record, "parameters": own}
    text = json.dumps({"inputs": [{"name": "photo", **record}], "parameters": parameters}).encode()
    return open_inference.decode(text + raw, OF, len(text) if raw else None).request


def v2_grpc(record: Any, *raw: bytes, **parameters: Any) -> InferRequest:
    message = open_inference_grpc.REQUEST(
        inputs=[{"name": "photo", **record}], raw_input_contents=raw, parameters=parameters
    )
    return open_inference_grpc.decode(message, MODEL).request


def v1_grpc(proto: Any) -> InferRequest:
    message = tf_serving_grpc.PREDICT(inputs={"photo": proto})
    return tf_serving_grpc.decode_predict(message, MODEL, max_bytes=2**20).request


def strings(*texts: bytes) -> bytes:
    array = np.empty(len(texts), object)
    array[:] = texts
    return to_raw(array)


def dims(*sizes: int) -> dict[str, Any]:
    return {"dim": [{"size": size} for size in sizes]}


BYTES = {"datatype": "BYTES", "shape": [2]}
CONTENTS = {"contents": {"bytes_contents": [JPEG, PNG]}}
FP32 = {"datatype": "FP32", "shape": SIZES}
AS_URI = {"content_type": {"string_param": "uri"}}
IS_URI = {"content_type": "uri"}

ENCODED: dict[str, InferRequest] = {
    "v1, rows": v1({"instances": [{"b64": b64(JPEG)}, {"b64": b64(PNG)}]}),
    "v1, rows by name": v1(
        {"instances": [{"photo": {"b64": b64(JPEG)}}, {"photo": {"b64": b64(PNG)}}]}
    ),
    "v1, columns": v1({"inputs": {"photo": [{"b64": b64(JPEG)}, {"b64": b64(PNG)}]}}),
    "v1 over gRPC": v1_grpc({"dtype": 7, "tensor_shape": dims(2), "string_val": [JPEG, PNG]}),
    "v2, base64": v2(
        BYTES | {"data": [b64(JPEG), b64(PNG)], "parameters": {"content_type": "base64"}}
    ),
    "v2, base64 as v1 has it": v2(BYTES | {"data": [{"b64": b64(JPEG)}, {"b64": b64(PNG)}]}),
    "v2, binary": v2(BYTES, strings(JPEG, PNG)),
    "v2 over gRPC, raw": v2_grpc(BYTES, strings(JPEG, PNG)),
    "v2 over gRPC, typed": v2_grpc(BYTES | CONTENTS),
    "v2 over gRPC, base64": v2_grpc(
        BYTES | {"contents": {"bytes_contents": [b64(JPEG).encode(), b64(PNG).encode()]}},
        content_type={"string_param": "base64"},
    ),
    "v2 over gRPC, a content type that says nothing here": v2_grpc(
        BYTES | CONTENTS | {"parameters": {"content_type": {"string_param": "image/jpeg"}}}
    ),
}


@pytest.mark.parametrize("request_", ENCODED.values(), ids=ENCODED)
def test_strings_are_images(request_: InferRequest) -> None:
    assert request_.inputs["photo"].tolist() == [JPEG, PNG]


PREPARED_BY: dict[str, InferRequest] = {
    "v1, rows": v1({"instances": PREPARED.tolist()}),
    "v1, rows by name": v1({"instances": [{"photo": PREPARED[0].tolist()}]}),
    "v1, columns": v1({"inputs": PREPARED.tolist()}),
    "v1 over gRPC": v1_grpc({"dtype": 1, "tensor_shape": dims(*SIZES), "float_val": NUMBERS}),
    "v1 over gRPC, as content": v1_grpc(
        {"dtype": 1, "tensor_shape": dims(*SIZES), "tensor_content": PREPARED.tobytes()}
    ),
    "v2": v2(FP32 | {"data": NUMBERS}),
    "v2, nested": v2(FP32 | {"data": PREPARED.tolist()}),
    "v2, binary": v2(FP32, PREPARED.tobytes()),
    "v2, beside a content type": v2(FP32 | {"data": NUMBERS}, content_type="uri"),
    "v2 over gRPC, raw": v2_grpc(FP32, PREPARED.tobytes()),
    "v2 over gRPC, typed": v2_grpc(FP32 | {"contents": {"fp32_contents": NUMBERS}}),
}


@pytest.mark.parametrize("request_", PREPARED_BY.values(), ids=PREPARED_BY)
def test_numbers_are_the_prepared_tensor(request_: InferRequest) -> None:
    array = request_.inputs["photo"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, PREPARED)


ONE = {"datatype": "BYTES", "shape": [1]}
TYPED_URI = {"contents": {"bytes_contents": [URI.encode()]}}
URIS: dict[str, InferRequest] = {
    "v1": v1({"instances": [{"uri": URI}]}),
    "v2, as v1 has it": v2(ONE | {"data": [{"uri": URI}]}),
    "v2, marked": v2(ONE | {"data": [URI], "parameters": IS_URI}),
    "v2, marked and binary": v2(ONE | {"parameters": IS_URI}, strings(URI.encode())),
    "v2, the whole request marked": v2(ONE | {"data": [URI]}, **IS_URI),
    "v2, marked twice": v2(ONE | {"data": [{"uri": URI}], "parameters": IS_URI}),
    "v2 over gRPC, raw": v2_grpc(ONE | {"parameters": AS_URI}, strings(URI.encode())),
    "v2 over gRPC, typed": v2_grpc(ONE | TYPED_URI | {"parameters": AS_URI}),
    "v2 over gRPC, the whole request marked": v2_grpc(ONE | TYPED_URI, **AS_URI),
}


@pytest.mark.parametrize("request_", URIS.values(), ids=URIS)
def test_a_uri_is_what_is_marked_as_one(request_: InferRequest) -> None:
    (found,) = request_.inputs["photo"].tolist()
    assert type(found) is Uri
    assert found == URI


def test_the_mark_of_an_input_wins_over_that_of_the_request() -> None:
    own = {"parameters": {"content_type": "base64"}, "data": [b64(JPEG)]}
    assert v2(ONE | own, **IS_URI).inputs["photo"].tolist() == [JPEG]


UNMARKED: dict[str, InferRequest] = {
    "v1": v1({"instances": [URI]}),
    "v1 over gRPC": v1_grpc({"dtype": 7, "tensor_shape": dims(1), "string_val": [URI.encode()]}),
    "v2": v2(ONE | {"data": [URI]}),
    "v2 over gRPC": v2_grpc(ONE | TYPED_URI),
}


@pytest.mark.parametrize("request_", UNMARKED.values(), ids=UNMARKED)
def test_text_is_never_taken_for_a_uri(request_: InferRequest) -> None:
    (found,) = request_.inputs["photo"].tolist()
    assert (type(found), found) == (bytes, URI.encode())


REFUSED: dict[str, tuple[Callable[[], InferRequest], str]] = {
    "v1, images and numbers": (
        lambda: v1({"inputs": [{"b64": b64(JPEG)}, 1]}),
        "is not of expected type: string",
    ),
    "v1, numbers of another shape": (
        lambda: v1({"instances": [[1, 2]]}),
        r"must have shape \[-1, 1, 2, 3\], got \[1, 2\]",
    ),
    "v1, images in two dimensions": (
        lambda: v1({"instances": [["a"]]}),
        r"must have shape \[-1\], got \[1, 1\]",
    ),
    "v1, truths": (
        lambda: v1({"inputs": [[[[True] * 3] * 2]]}),
        "is not of expected type: float32",
    ),
    "v1 over gRPC, another type": (
        lambda: v1_grpc({"dtype": 3, "tensor_shape": dims(*SIZES), "int_val": [1]}),
        "must be DT_FLOAT, or strings that are images, got DT_INT32",
    ),
    "v2, another type": (
        lambda: v2({"datatype": "UINT8", "shape": SIZES, "data": [1] * 6}),
        r"has datatype FP32 \(float32\), or strings that are images, got UINT8",
    ),
    "v2, numbers of another shape": (
        lambda: v2({"datatype": "FP32", "shape": [1], "data": [1]}),
        r"must have shape \[-1, 1, 2, 3\], got \[1\]",
    ),
    "v2, what is marked as base64 and is none": (
        lambda: v2(ONE | {"data": ["ä"], "parameters": {"content_type": "base64"}}),
        'input "photo" is not base64',
    ),
    "v2 over gRPC, another type": (
        lambda: v2_grpc({"datatype": "INT64", "shape": SIZES}),
        r"FP32 \(float32\), or strings that are images",
    ),
    "v2 over gRPC, bytes that are marked as a URI": (
        lambda: v2_grpc(ONE | {"parameters": AS_URI}, strings(JPEG)),
        'has the content_type "uri", but is no text',
    ),
}


@pytest.mark.parametrize(("send", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(send: Callable[[], InferRequest], text: str) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        send()
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_an_image_is_no_example() -> None:
    labels = as_requested(
        replace(manifest((PHOTO,), (tensor("classes", "string"),)), images=IMAGES)
    )
    with pytest.raises(InferenceError, match="cannot classify"):
        examples.find(labels, "", Method.CLASSIFY)


def test_metadata_tells_of_images_and_of_the_prepared_tensor() -> None:
    said = {"images": "JPEG, PNG", "prepared": "FP32 [-1, 1, 2, 3]"}
    (rest,) = descriptions.open_inference_model(MODEL)["inputs"]
    assert rest == {"name": "photo", "datatype": "BYTES", "shape": (-1,), "parameters": said}
    (found,) = grpc_descriptions.model_metadata(MODEL).inputs
    assert (found.name, found.datatype, list(found.shape)) == ("photo", "BYTES", [-1])
    assert {key: value.string_param for key, value in found.parameters.items()} == said


def test_tensorflow_servings_metadata_tells_of_strings() -> None:
    (signature,) = descriptions.tf_serving_metadata(MODEL)["metadata"]["signature_def"][
        "signature_def"
    ].values()
    assert signature["inputs"]["photo"]["dtype"] == "DT_STRING"


def test_tensorflow_servings_metadata_tells_of_the_prepared_tensor_in_a_field_of_its_own() -> None:
    plain = model(manifest((PHOTO,), (tensor("y"),)))
    said = descriptions.tf_serving_metadata(MODEL)["metadata"]["prepared_signature_def"]
    assert said == descriptions.tf_serving_metadata(plain)["metadata"]["signature_def"]
    assert "prepared_signature_def" not in descriptions.tf_serving_metadata(plain)["metadata"]


def test_grpc_tells_of_the_prepared_tensor_where_it_is_asked_for() -> None:
    fields = ["signature_def", "prepared_signature_def"]
    answer = grpc_descriptions.tf_serving_metadata(MODEL, fields)
    found = {}
    for field in fields:
        signatures = message_class("tensorflow.serving.SignatureDefMap")()
        assert answer.metadata[field].Unpack(signatures)
        photo = signatures.signature_def["serving_default"].inputs["photo"]
        found[field] = (photo.dtype, [dim.size for dim in photo.tensor_shape.dim])
    assert found == {"signature_def": (7, [-1]), "prepared_signature_def": (1, [-1, 1, 2, 3])}
    only = grpc_descriptions.tf_serving_metadata(MODEL, fields[:1])
    assert list(only.metadata) == fields[:1]
