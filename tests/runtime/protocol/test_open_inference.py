"""The Open Inference Protocol's infer call in JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import manifest, tensor
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.protocol import open_inference
from frazil_runtime.protocol.open_inference import Infer
from frazil_runtime.requests import InferRequest

Array = npt.NDArray[Any]

ONE = manifest((tensor("x"),))
TEXT = manifest((tensor("text", "string", (-1,)),))
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


def decode(of: Manifest, **document: object) -> Infer:
    return open_inference.decode(json.dumps(document).encode(), of)


def test_a_call_names_shapes_and_types() -> None:
    call = decode(ONE, inputs=[X])
    assert call.id is None
    assert call.request.signature == "serving_default"
    assert call.request.outputs == ()
    assert call.request.inputs["x"].dtype == np.float32
    assert call.request.inputs["x"].tolist() == [[1, 2]]


def test_a_call_may_have_an_id_and_choose_outputs_and_its_signature() -> None:
    of = Manifest({"other": ONE.signatures["serving_default"]}, "none", {})
    call = decode(
        of,
        id="42",
        parameters={"signature_name": "other"},
        inputs=[X],
        outputs=[{"name": "b"}, {"name": "a", "parameters": {}}],
    )
    assert call.id == "42"
    assert call.request.signature == "other"
    assert call.request.outputs == ("b", "a")


def test_null_is_as_good_as_absent() -> None:
    unset = {"id": None, "parameters": {"signature_name": None}, "outputs": None}
    for fields in (unset, unset | {"parameters": None}):
        call = decode(ONE, inputs=[X | {"parameters": None}], **fields)
        assert call.id is None
        assert call.request.signature == "serving_default"
        assert call.request.outputs == ()


TEXTS: dict[str, tuple[dict[str, object], list[bytes]]] = {
    "text is UTF-8": ({"data": ["ä", "b"]}, ["ä".encode(), b"b"]),
    "base64 is bytes where it says so": (
        {"data": ["/w==", "YQ=="], "parameters": {"content_type": "base64"}},
        [b"\xff", b"a"],
    ),
}


@pytest.mark.parametrize(("fields", "texts"), TEXTS.values(), ids=TEXTS)
def test_byte_strings(fields: dict[str, object], texts: list[bytes]) -> None:
    call = decode(TEXT, inputs=[{"name": "text", "shape": [2], "datatype": "BYTES", **fields}])
    assert call.request.inputs["text"].tolist() == texts


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no inputs": ({}, '"inputs" is missing'),
    "inputs that are null": ({"inputs": None}, '"inputs" is missing'),
    "inputs that are no list": ({"inputs": {}}, '"inputs" must be a list, got an object'),
    "an input that is no object": ({"inputs": [1]}, "an input must be an object, got a number"),
    "an input without a name": ({"inputs": [{}]}, '"name" is missing'),
    "an input sent twice": ({"inputs": [X, X]}, 'input "x" is sent twice'),
    "an input that is missing": ({"inputs": []}, 'input "x" is missing; the signature has x'),
    "an input of another name": (
        {"inputs": [X, X | {"name": "y"}]},
        'input "y" is not in the signature; it has x',
    ),
    "another datatype": (
        {"inputs": [X | {"datatype": "INT32"}]},
        'input "x" has datatype FP32 (float32), got INT32',
    ),
    "a shape of other than whole numbers": (
        {"inputs": [X | {"shape": [1, 2.0]}]},
        'input "x" has a shape that is no list of whole numbers',
    ),
    "a shape of truths": (
        {"inputs": [X | {"shape": [True, 2]}]},
        'input "x" has a shape that is no list of whole numbers',
    ),
    "a shape that is not the signature's": (
        {"inputs": [X | {"shape": [2, 1]}]},
        'input "x" must have shape [-1, 2], got [2, 1]: dimension 1 is 1 instead of 2',
    ),
    "a shape whose product overflows": (
        {"inputs": [X | {"shape": [2**62, 2]}]},
        f'input "x" must have shape [-1, 2], got [{2**62}, 2]: too many elements',
    ),
    "a shape that claims more than there is": (
        {"inputs": [X | {"shape": [2**40, 2]}]},
        f'input "x" has shape [{2**40}, 2], that is {2**41} elements, but its data has shape [2]',
    ),
    "no data": (
        {"inputs": [{key: X[key] for key in ("name", "shape", "datatype")}]},
        'input "x" must have either "data" or the parameter "binary_data_size"',
    ),
    "data that are null": (
        {"inputs": [X | {"data": None}]},
        'input "x" must have either "data" or the parameter "binary_data_size"',
    ),
    "ragged data": (
        {"inputs": [X | {"data": [[1], [2, 3]]}]},
        'input "x" is ragged: Encountered list at unexpected size: 2 at level: 1 expected size: 1',
    ),
    "an id that is no text": ({"inputs": [X], "id": 1}, '"id" must be text, got a number'),
    "outputs without names": ({"inputs": [X], "outputs": [{}]}, '"name" is missing'),
    "parameters that are no object": (
        {"inputs": [X], "parameters": 1},
        '"parameters" must be an object, got a number',
    ),
    "a signature that the model lacks": (
        {"inputs": [X], "parameters": {"signature_name": "b"}},
        'Serving signature key "b" not found; the model has serving_default',
    ),
}


@pytest.mark.parametrize(("document", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(document: dict[str, object], text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        decode(ONE, **document)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert str(raised.value) == text


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(InferenceError, match=r"the request must be an object, got a list"):
        open_inference.decode(b"[1]", ONE)


def test_what_is_no_base64_is_refused() -> None:
    record = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["%"]}
    with pytest.raises(InferenceError, match='input "text" is not base64'):
        decode(TEXT, inputs=[record | {"parameters": {"content_type": "base64"}}])


OUTPUTS: dict[str, tuple[Array, dict[str, object]]] = {
    "data is flat": (
        np.float32([[0.1, 2], [3, 4]]),
        {"shape": [2, 2], "datatype": "FP32", "data": [0.1, 2, 3, 4]},
    ),
    "a bare value is a list of one": (
        np.array(7, np.int64),
        {"shape": [], "datatype": "INT64", "data": [7]},
    ),
    "what is not finite is null": (
        np.float16([np.nan, np.inf]),
        {"shape": [2], "datatype": "FP16", "data": [None, None]},
    ),
    "truths": (np.array([True]), {"shape": [1], "datatype": "BOOL", "data": [True]}),
    "texts": (np.array([b"a"], object), {"shape": [1], "datatype": "BYTES", "data": ["a"]}),
    "what is no text is base64, and says so": (
        np.array([b"a", b"\xff"], object),
        {
            "shape": [2],
            "datatype": "BYTES",
            "parameters": {"content_type": "base64"},
            "data": ["YQ==", "/w=="],
        },
    ),
}


@pytest.mark.parametrize(("array", "record"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs(array: Array, record: dict[str, object]) -> None:
    call = Infer(InferRequest("serving_default", {}), None, {}, binary_default=False)
    body, json_bytes = open_inference.encode(call, {"y": array}, model="digits", version="3")
    assert json_bytes is None
    assert json.loads(body) == {
        "model_name": "digits",
        "model_version": "3",
        "outputs": [{"name": "y", **record}],
    }


def test_the_id_comes_back() -> None:
    call = Infer(InferRequest("serving_default", {}), "42", {}, binary_default=True)
    assert json.loads(open_inference.encode(call, {}, model="m", version="1")[0])["id"] == "42"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["x", "FP32", "BYTES"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "shape", "datatype", "data"]), children)
    ),
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("x") | VALUES,
        "shape": st.lists(st.integers()) | VALUES,
        "datatype": st.just("FP32") | VALUES,
        "data": st.lists(st.floats()) | VALUES,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20)}) | VALUES,
    },
)


@given(
    st.fixed_dictionaries(
        {"inputs": st.lists(RECORDS, max_size=2)},
        optional={"id": VALUES, "outputs": VALUES, "parameters": VALUES},
    )
)
def test_any_document_is_read_or_refused(document: dict[str, object]) -> None:
    with suppress(InferenceError):
        open_inference.decode(json.dumps(document).encode(), ONE)


@given(
    st.lists(RECORDS, max_size=3),
    st.dictionaries(st.sampled_from(["binary_data_output", "timeout", "priority"]), VALUES),
    st.binary(max_size=40),
    st.integers(-3, 3),
)
def test_any_binary_data_is_read_or_refused(
    inputs: list[Any], parameters: dict[str, object], data: bytes, lie: int
) -> None:
    document = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    with suppress(InferenceError):
        open_inference.decode(document + data, ONE, max(0, len(document) + lie))
