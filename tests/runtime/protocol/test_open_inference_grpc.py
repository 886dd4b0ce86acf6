"""The Open Inference Protocol's infer call over gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import manifest, model, tensor

from frazil_runtime.dtypes import BY_NAME, DTYPES
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.protocol import open_inference_grpc
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.protocol.open_inference_grpc import REQUEST, Infer
from frazil_runtime.requests import InferResponse

Array = npt.NDArray[Any]

ANSWER = message_class("inference.ModelInferResponse")
ONE = manifest((tensor("x"),), (tensor("y"),))
X = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
RAW = np.float32([1, 2]).tobytes()

VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "INT8": [-128, 127],
    "INT16": [-(2**15), 2**15 - 1],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "UINT8": [0, 255],
    "UINT16": [0, 2**16 - 1],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "FP16": [0.5, -2],
    "BF16": [0.5, -2],
    "FP32": [0.1, -np.inf],
    "FP64": [0.1, 1e300],
    "BYTES": [b"", b"\xff" * 300],
}
TYPED = [datatype for datatype in VALUES if datatype not in ("FP16", "BF16")]
DTYPE_OF = {dtype.oip: dtype for dtype in DTYPES if dtype.oip}


def decode(of: Manifest, **fields: Any) -> Infer:
    return open_inference_grpc.decode(REQUEST(model_name="digits", **fields), model(of))


def encode(call: Infer, **outputs: Array) -> Any:
    return ANSWER.FromString(open_inference_grpc.encode(call, [InferResponse(outputs)]))


def echo(datatype: str) -> Manifest:
    return manifest((tensor("x", DTYPE_OF[datatype].name, (-1,)),))


def array_of(datatype: str) -> Array:
    return np.array(VALUES[datatype], DTYPE_OF[datatype].numpy)


def contents_of(datatype: str) -> dict[str, Any]:
    """The typed contents of a value, by the field that the protocol names for it."""
    field = {"BYTES": "bytes", "BOOL": "bool", "FP32": "fp32", "FP64": "fp64"}.get(datatype)
    if field is None:
        kind = "uint" if datatype.startswith("U") else "int"
        field = f"{kind}64" if datatype.endswith("64") else kind
    return {f"{field}_contents": VALUES[datatype]}


def test_every_datatype_is_tried() -> None:
    assert VALUES.keys() == DTYPE_OF.keys()


@pytest.mark.parametrize("datatype", TYPED)
def test_typed_contents_come_and_go(datatype: str) -> None:
    sent = {"name": "x", "datatype": datatype, "shape": [2], "contents": contents_of(datatype)}
    call = decode(echo(datatype), inputs=[sent])
    np.testing.assert_array_equal(call.request.inputs["x"], array_of(datatype))
    answer = encode(call, y=array_of(datatype))
    assert not answer.raw_output_contents
    assert answer.outputs[0] == ANSWER.InferOutputTensor(**sent | {"name": "y"})


@pytest.mark.parametrize("datatype", VALUES)
def test_raw_contents_come_and_go(datatype: str) -> None:
    raw = array_of(datatype).tobytes()
    if datatype == "BYTES":
        raw = b"".join(len(text).to_bytes(4, "little") + text for text in VALUES["BYTES"])
    sent = {"name": "x", "datatype": datatype, "shape": [2]}
    call = decode(echo(datatype), inputs=[sent], raw_input_contents=[raw])
    np.testing.assert_array_equal(call.request.inputs["x"], array_of(datatype))
    answer = encode(call, y=array_of(datatype))
    assert list(answer.raw_output_contents) == [raw]
    assert answer.outputs[0] == ANSWER.InferOutputTensor(**sent | {"name": "y"})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_floats_are_answered_in_raw_bytes_and_all_others_too(dtype: str) -> None:
    call = decode(ONE, inputs=[X | {"contents": {"fp32_contents": [1, 2]}}])
    half = np.array([1], BY_NAME[dtype].numpy)
    answer = encode(call, y=half, z=np.float32([1]))
    assert list(answer.raw_output_contents) == [half.tobytes(), np.float32([1]).tobytes()]


def test_inputs_may_come_in_any_order() -> None:
    of = manifest((tensor("x"), tensor("text", "string", (-1,))))
    text = {"name": "text", "datatype": "BYTES", "shape": [1]}
    call = decode(of, inputs=[text, X], raw_input_contents=[b"\x01\0\0\0a", RAW])
    assert call.request.inputs["text"].tolist() == [b"a"]
    assert call.request.inputs["x"].tolist() == [[1, 2]]


def test_a_call_that_says_no_more_than_it_must() -> None:
    request = decode(ONE, inputs=[X], raw_input_contents=[RAW]).request
    assert request.signature == "serving_default"
    assert request.outputs == ()
    assert request.timeout is None
    assert request.priority == 0
    assert request.stored


def test_a_call_that_says_all_it_can() -> None:
    of = Manifest({"other": ONE.signatures["serving_default"]}, "none", {})
    call = decode(
        of,
        id="42",
        inputs=[X],
        raw_input_contents=[RAW],
        outputs=[{"name": "b"}, {"name": "a"}],
        parameters={
            "signature_name": {"string_param": "other"},
            "priority": {"uint64_param": 1},
            "timeout": {"int64_param": 250_000},
            "mine": {"double_param": 0.5},
        },
    )
    assert call.request.signature == "other"
    assert call.request.outputs == ("b", "a")
    assert call.request.priority == 1
    assert call.request.timeout == 0.25
    answer = encode(call, b=np.float32([1]))
    assert answer.id == "42"
    assert answer.model_name == "digits"
    assert answer.model_version == "3"


FP16 = manifest((tensor("x", "float16"),))
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an input sent twice": ({"inputs": [X, X]}, "an input is sent twice"),
    "an input that is missing": ({}, 'input "x" is missing; the signature has x'),
    "an input of another name": (
        {"inputs": [X, X | {"name": "y"}]},
        'input "y" is not in the signature; it has x',
    ),
    "another datatype": (
        {"inputs": [X | {"datatype": "INT32"}]},
        'input "x" has datatype FP32 (float32), got INT32',
    ),
    "a shape that is not the signature's": (
        {"inputs": [X | {"shape": [2, 1]}], "raw_input_contents": [RAW]},
        'input "x" must have shape [-1, 2], got [2, 1]: dimension 1 is 1 instead of 2',
    ),
    "a shape whose product overflows": (
        {"inputs": [X | {"shape": [2**62, 2]}], "raw_input_contents": [RAW]},
        f'input "x" must have shape [-1, 2], got [{2**62}, 2]: too many elements',
    ),
    "a shape that claims more than there is": (
        {"inputs": [X | {"shape": [2**40, 2]}]},
        f'input "x" has shape [{2**40}, 2], that is {2**41} elements, but 0 fp32_contents',
    ),
    "raw bytes that are cut off": (
        {"inputs": [X], "raw_input_contents": [RAW[:-1]]},
        'input "x" has shape [1, 2] of float32, that is 8 bytes, but has 7',
    ),
    "fewer raw contents than inputs": (
        {"inputs": [X, X | {"name": "y"}], "raw_input_contents": [RAW]},
        "raw_input_contents has 1 elements for 2 inputs: one for each, and no input with contents "
        "of its own beside them",
    ),
    "typed contents beside raw ones": (
        {"inputs": [X | {"contents": {}}], "raw_input_contents": [RAW]},
        'input "x" has contents beside raw_input_contents',
    ),
    "contents of another type": (
        {"inputs": [X | {"contents": {"fp32_contents": [1, 2], "fp64_contents": [1]}}]},
        'input "x" is FP32: its contents are fp32_contents, not fp64_contents',
    ),
    "a signature that the model lacks": (
        {"inputs": [X], "parameters": {"signature_name": {"string_param": "b"}}},
        'Serving signature key "b" not found; the model has serving_default',
    ),
}


@pytest.mark.parametrize(("fields", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        decode(ONE, **fields)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert str(raised.value) == text


def test_16_bit_floats_come_in_raw_bytes_only() -> None:
    with pytest.raises(InferenceError, match="FP16, which has no typed contents: send raw_input"):
        decode(FP16, inputs=[X | {"datatype": "FP16"}])


@pytest.mark.parametrize("value", [{"bool_param": True}, {"string_param": "1"}])
def test_a_parameter_of_another_type(value: dict[str, Any]) -> None:
    with pytest.raises(InferenceError, match='parameter "priority" must be'):
        decode(ONE, inputs=[X], raw_input_contents=[RAW], parameters={"priority": value})


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "a sequence": ({"parameters": {"sequence_id": {"int64_param": 7}}}, "sequences are not kept"),
    "an input in shared memory": (
        {"inputs": [X | {"parameters": {"shared_memory_region": {"string_param": "a"}}}]},
        "no memory is shared",
    ),
    "an output in shared memory": (
        {"outputs": [{"parameters": {"shared_memory_region": {"string_param": "a"}}}]},
        "no memory is shared",
    ),
    "ranked classes": (
        {"outputs": [{"parameters": {"classification": {"int64_param": 3}}}]},
        "classes are not ranked",
    ),
}


@pytest.mark.parametrize(("fields", "text"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_is_not_implemented(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        decode(ONE, **{"inputs": [X], "raw_input_contents": [RAW]} | fields)
    assert raised.value.code is Code.UNIMPLEMENTED


def test_complex_outputs_have_no_datatype() -> None:
    call = decode(ONE, inputs=[X], raw_input_contents=[RAW])
    with pytest.raises(InferenceError, match='output "y" is complex64, which the Open') as raised:
        encode(call, y=np.complex64([1]))
    assert raised.value.code is Code.UNIMPLEMENTED
