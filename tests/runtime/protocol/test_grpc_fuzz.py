"""Whatever a client sends over gRPC: arrays that fit the signature, or an error, and no crash."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fakes.models import manifest, model, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from frazil_runtime.dtypes import DTYPES
from frazil_runtime.errors import InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.protocol import open_inference_grpc, tf_serving_grpc
from frazil_runtime.protocol.messages import parse
from frazil_runtime.requests import InferRequest
from frazil_runtime.validation import check_inputs

MAX_BYTES = 4096
TYPES = [dtype.name for dtype in DTYPES]

sizes = st.one_of(st.integers(0, 3), st.integers(-(2**63), 2**63 - 1))
shapes = st.lists(sizes, max_size=3)
small = st.lists(st.integers(0, 300), max_size=4)
whole = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)
floats = st.lists(st.floats(width=32), max_size=4)
texts = st.lists(st.binary(max_size=9), max_size=4)
names = st.sampled_from(["x", "x", "x", "y", ""])


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields of a message."""
    return st.fixed_dictionaries({}, optional=fields)


tensors = maybe(
    dtype=st.sampled_from([dtype.enum for dtype in DTYPES] + [0, 20]),
    tensor_shape=shapes.map(lambda sizes: {"dim": [{"size": size} for size in sizes]}),
    tensor_content=st.binary(max_size=33),
    float_val=floats,
    double_val=floats,
    int_val=whole,
    string_val=texts,
    scomplex_val=floats,
    int64_val=whole,
    bool_val=st.lists(st.booleans(), max_size=4),
    dcomplex_val=floats,
    half_val=small,
    uint32_val=small,
    uint64_val=small,
)
parameters = st.dictionaries(
    st.sampled_from(["priority", "timeout", "signature_name", "sequence_id", "a"]),
    maybe(bool_param=st.booleans(), int64_param=sizes, string_param=st.text(max_size=3)),
    max_size=2,
)
inputs = maybe(
    name=names,
    datatype=st.sampled_from([dtype.oip for dtype in DTYPES]),
    shape=shapes,
    parameters=parameters,
    contents=maybe(
        bool_contents=st.lists(st.booleans(), max_size=4),
        int_contents=whole,
        int64_contents=whole,
        uint_contents=small,
        uint64_contents=small,
        fp32_contents=floats,
        fp64_contents=floats,
        bytes_contents=texts,
    ),
)
inferences = maybe(
    parameters=parameters,
    inputs=st.lists(inputs, max_size=2),
    outputs=st.lists(maybe(name=names, parameters=parameters), max_size=2),
    raw_input_contents=st.lists(st.binary(max_size=33), max_size=2),
)
of_any_type = st.builds(
    lambda dtype, shape: manifest((tensor("x", dtype, shape),)),
    st.sampled_from(TYPES),
    st.one_of(st.none(), st.lists(st.sampled_from([-1, -1, 0, 2]), max_size=3).map(tuple)),
)


def fits(of: Manifest, request: InferRequest) -> None:
    """The engine takes it, and nothing in it is larger than a client may send."""
    try:
        arrays = check_inputs(of.signatures[request.signature], request.inputs)
    except InferenceError as error:
        raise AssertionError from error
    assert sum(array.nbytes for array in arrays) <= MAX_BYTES


@settings(max_examples=500)
@given(of_any_type, st.dictionaries(names, tensors, max_size=2))
def test_predictions(of: Manifest, sent: dict[str, Any]) -> None:
    message = tf_serving_grpc.PREDICT(inputs=sent)
    with suppress(InferenceError):
        fits(of, tf_serving_grpc.decode_predict(message, model(of), max_bytes=MAX_BYTES).request)


@settings(max_examples=500)
@given(of_any_type, inferences)
def test_inferences(of: Manifest, fields: dict[str, Any]) -> None:
    message = open_inference_grpc.REQUEST(**fields)
    with suppress(InferenceError):
        fits(of, open_inference_grpc.decode(message, model(of)).request)


@settings(max_examples=500)
@given(st.binary(max_size=64))
def test_bytes(data: bytes) -> None:
    of = manifest((tensor("x", "string", None),))
    for kind, decode in (
        (open_inference_grpc.REQUEST, open_inference_grpc.decode),
        (tf_serving_grpc.CLASSIFY, tf_serving_grpc.decode_classify),
        (tf_serving_grpc.REGRESS, tf_serving_grpc.decode_regress),
        (tf_serving_grpc.MULTI, tf_serving_grpc.decode_multi),
    ):
        with suppress(InferenceError):
            for request in decode(parse(kind, data), model(of)).requests:
                fits(of, request)
