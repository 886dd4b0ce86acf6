"""TensorFlow's TensorProto, read and written."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.errors import invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.protocol import typed
from frazil_runtime.protocol.messages import Message
from frazil_runtime.protocol.raw import from_raw
from frazil_runtime.request_signatures import or_images, sent_as
from frazil_runtime.validation import check_shape

Array = npt.NDArray[Any]

_STRING: Final = dtypes.BY_NAME["string"].enum


def from_proto(tensor: Tensor, proto: Message, max_bytes: int) -> Array:
    """The array of a TensorProto.

    Fewer values than the shape has elements stand for all: the last one is repeated, and without
    any all are 0 or empty. So that a few bytes do not become terabytes, an array has at most
    ``max_bytes``. INVALID_ARGUMENT says what is wrong.
    """
    alternative = or_images(tensor)
    tensor = sent_as(tensor, strings=proto.dtype == _STRING)
    dtype = dtypes.BY_NAME[tensor.dtype]
    if proto.dtype != dtype.enum:
        raise invalid(
            f'input "{tensor.name}" must be {dtype.proto}{alternative}, '
            f"got {_proto_name(proto.dtype)}"
        )
    if proto.tensor_shape.unknown_rank:
        raise invalid(f'input "{tensor.name}" has a shape of unknown rank')
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    if content := proto.tensor_content:
        if dtype.is_string:
            raise invalid(f'input "{tensor.name}" has tensor_content: send strings as string_val')
        return from_raw(tensor, shape, memoryview(content))
    check_shape(tensor, shape)
    if (size := math.prod(shape) * dtype.numpy.itemsize) > max_bytes:
        raise invalid(
            f'input "{tensor.name}" has shape {list(shape)}, that is {size} bytes: the most is '
            f"{max_bytes}"
        )
    values = typed.read(proto, typed.TENSOR_PROTO[tensor.dtype], tensor)
    return _filled(tensor, shape, values)


def to_proto(array: Array, proto: Message) -> None:
    """Fill a TensorProto with the array. Its values are typed, as TensorFlow Serving sends them."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    proto.dtype = dtype.enum
    dims = proto.tensor_shape.dim
    for size in array.shape:
        dims.add(size=size)
    typed.write(proto, typed.TENSOR_PROTO[dtype.name], array)


def _filled(tensor: Tensor, shape: tuple[int, ...], values: Array) -> Array:
    count = math.prod(shape)
    if len(values) > count:
        raise invalid(
            f'input "{tensor.name}" has shape {list(shape)}, that is {count} elements, but '
            f"{len(values)} values"
        )
    if len(values) == count:
        return values.reshape(shape)
    array = np.empty(count, values.dtype)
    array[: len(values)] = values
    array[len(values) :] = values[-1] if len(values) else _nothing(values.dtype)
    return array.reshape(shape)


def _nothing(dtype: np.dtype[Any]) -> object:
    return b"" if dtype.kind == "O" else np.zeros((), dtype)


def _proto_name(enum: int) -> str:
    known = dtypes.BY_ENUM.get(enum)
    return known.proto if known else f"the data type {enum}"
