"""TensorProto, in all the ways that clients write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import tensor

from frazil_runtime.dtypes import BY_NAME, DTYPES
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Tensor
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.protocol.tensor_protos import from_proto, to_proto

Array = npt.NDArray[Any]

PROTO = message_class("tensorflow.TensorProto")
MAX_BYTES = 1024

VALUES: dict[str, list[Any]] = {
    "float32": [0.1, -np.inf],
    "float64": [0.1, 1e300],
    "float16": [0.5, -65504],
    "bfloat16": [0.5, -2],
    "int8": [-128, 127],
    "int16": [-(2**15), 2**15 - 1],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "uint8": [0, 255],
    "uint16": [0, 2**16 - 1],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
    "bool": [True, False],
    "string": [b"", b"\xff" * 300],
    "complex64": [1 + 2j, -1j],
    "complex128": [1 + 2j, 1e300j],
}


def array_of(dtype: str) -> Array:
    return np.array(VALUES[dtype], BY_NAME[dtype].numpy)


def any_shape(dtype: str) -> Tensor:
    return tensor("x", dtype, None)


def proto(dtype: str = "float32", shape: tuple[int, ...] = (2,), **fields: Any) -> Any:
    message = PROTO(dtype=BY_NAME[dtype].enum, **fields)
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message


def test_every_type_is_tried() -> None:
    assert VALUES.keys() == {dtype.name for dtype in DTYPES}


@pytest.mark.parametrize("dtype", VALUES)
def test_what_is_written_is_read(dtype: str) -> None:
    message = PROTO()
    to_proto(array_of(dtype), message)
    found = from_proto(any_shape(dtype), message, MAX_BYTES)
    assert found.dtype == BY_NAME[dtype].numpy
    np.testing.assert_array_equal(found, array_of(dtype))


@pytest.mark.parametrize("dtype", VALUES.keys() - {"string"})
def test_content_is_read(dtype: str) -> None:
    message = proto(dtype, tensor_content=array_of(dtype).tobytes())
    np.testing.assert_array_equal(from_proto(any_shape(dtype), message, 0), array_of(dtype))


@pytest.mark.tensorflow
@pytest.mark.parametrize("dtype", VALUES)
def test_tensorflow_reads_what_is_written(dtype: str) -> None:
    import tensorflow as tf
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    message = PROTO()
    to_proto(array_of(dtype), message)
    theirs = TensorProto.FromString(message.SerializeToString())
    np.testing.assert_array_equal(tf.make_ndarray(theirs), array_of(dtype))
    np.testing.assert_array_equal(
        tf.io.parse_tensor(message.SerializeToString(), dtype).numpy(), array_of(dtype)
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize("dtype", VALUES)
def test_what_tensorflow_writes_is_read(dtype: str) -> None:
    import tensorflow as tf

    for array in (array_of(dtype), array_of(dtype).reshape(1, 2, 1), array_of(dtype)[1]):
        sent = tf.make_tensor_proto(array, dtype, np.shape(array)).SerializeToString()
        found = from_proto(any_shape(dtype), PROTO.FromString(sent), MAX_BYTES)
        np.testing.assert_array_equal(found, array)


FILLED: dict[str, tuple[Any, list[Any]]] = {
    "the last value stands for those that are missing": (
        proto(shape=(2, 2), float_val=[1, 2]),
        [[1, 2], [2, 2]],
    ),
    "no values are zeros": (proto("int32", (3,)), [0, 0, 0]),
    "no values are false": (proto("bool", (1,)), [False]),
    "no texts are empty": (proto("string", (2,)), [b"", b""]),
    "no elements need no values": (proto(shape=(0, 5)), []),
    "a scalar has one": (proto("int64", (), int64_val=[7]), 7),
}


@pytest.mark.parametrize(("message", "values"), FILLED.values(), ids=FILLED)
def test_fewer_values_than_elements(message: Any, values: list[Any]) -> None:
    dtype = next(dtype.name for dtype in DTYPES if dtype.enum == message.dtype)
    assert from_proto(any_shape(dtype), message, MAX_BYTES).tolist() == values


X = tensor("x")
REFUSED: dict[str, tuple[Tensor, Any, str]] = {
    "another type": (X, proto("int32"), 'input "x" must be DT_FLOAT, got DT_INT32'),
    "a type that nobody knows": (
        X,
        PROTO(dtype=20),
        'input "x" must be DT_FLOAT, got the data type 20',
    ),
    "an unknown rank": (
        X,
        PROTO(dtype=1, tensor_shape={"unknown_rank": True}),
        'input "x" has a shape of unknown rank',
    ),
    "a shape that is not the signature's": (
        X,
        proto(shape=(2,), float_val=[1, 2]),
        'input "x" must have shape [-1, 2], got [2]: 1 dimensions instead of 2',
    ),
    "a negative size": (
        X,
        proto(shape=(-1, 2)),
        'input "x" must have shape [-1, 2], got [-1, 2]: a dimension is negative',
    ),
    "a shape whose product overflows": (
        X,
        proto(shape=(2**62, 2)),
        f'input "x" must have shape [-1, 2], got [{2**62}, 2]: too many elements',
    ),
    "a claim that one value would fill": (
        X,
        proto(shape=(2**40, 2), float_val=[1]),
        f'input "x" has shape [{2**40}, 2], that is {2**43} bytes: the most is 1024',
    ),
    "as many empty texts": (
        tensor("x", "string", (-1,)),
        proto("string", (2**40,)),
        f'input "x" has shape [{2**40}], that is {2**43} bytes: the most is 1024',
    ),
    "more values than elements": (
        X,
        proto(shape=(1, 2), float_val=[1, 2, 3]),
        'input "x" has shape [1, 2], that is 2 elements, but 3 values',
    ),
    "content that is cut off": (
        X,
        proto(shape=(1, 2), tensor_content=bytes(7)),
        'input "x" has shape [1, 2] of float32, that is 8 bytes, but has 7',
    ),
    "content of strings": (
        tensor("x", "string", (-1,)),
        proto("string", (1,), tensor_content=b"\x01a"),
        'input "x" has tensor_content: send strings as string_val',
    ),
    "half a complex number": (
        tensor("x", "complex64", (-1,)),
        proto("complex64", (2,), scomplex_val=[1, 2, 3]),
        'input "x": scomplex_val holds half a complex number',
    ),
    "a number beyond the type": (
        tensor("x", "int8", (-1,)),
        proto("int8", (1,), int_val=[128]),
        'input "x": int_val has a number beyond int8',
    ),
    "a negative number where there is no sign": (
        tensor("x", "uint8", (-1,)),
        proto("uint8", (1,), int_val=[-1]),
        'input "x": int_val has a number beyond uint8',
    ),
    "bits that are no half": (
        tensor("x", "float16", (-1,)),
        proto("float16", (1,), half_val=[2**16]),
        'input "x": half_val has a number beyond uint16',
    ),
}


@pytest.mark.parametrize(("of", "message", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(of: Tensor, message: Any, text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        from_proto(of, message, MAX_BYTES)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert str(raised.value) == text
