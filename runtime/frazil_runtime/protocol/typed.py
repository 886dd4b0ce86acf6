"""Tensors in typed fields: TensorProto's ``*_val``, and the Open Inference Protocol's contents.

A field of wider integers carries the narrower types, and TensorProto's ``half_val`` the bits of
16-bit floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.errors import invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.protocol import packed
from frazil_runtime.protocol.messages import Message

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A repeated field: its name, and its number, by which its serialised form is found."""

    name: str
    number: int


_INT_VAL: Final = Field("int_val", 7)
_HALF_VAL: Final = Field("half_val", 13)

# By the tensor type's name.
TENSOR_PROTO: Final[Mapping[str, Field]] = {
    "float32": Field("float_val", 5),
    "float64": Field("double_val", 6),
    **dict.fromkeys(("int32", "uint8", "int16", "int8", "uint16"), _INT_VAL),
    "string": Field("string_val", 8),
    "complex64": Field("scomplex_val", 9),
    "int64": Field("int64_val", 10),
    "bool": Field("bool_val", 11),
    "complex128": Field("dcomplex_val", 12),
    **dict.fromkeys(("float16", "bfloat16"), _HALF_VAL),
    "uint32": Field("uint32_val", 16),
    "uint64": Field("uint64_val", 17),
}

# 16-bit floats have none: they come and go as raw bytes.
CONTENTS: Final[Mapping[str, Field]] = {
    "bool": Field("bool_contents", 1),
    **dict.fromkeys(("int8", "int16", "int32"), Field("int_contents", 2)),
    "int64": Field("int64_contents", 3),
    **dict.fromkeys(("uint8", "uint16", "uint32"), Field("uint_contents", 4)),
    "uint64": Field("uint64_contents", 5),
    "float32": Field("fp32_contents", 6),
    "float64": Field("fp64_contents", 7),
    "string": Field("bytes_contents", 8),
}


def read(message: Message, field: Field, tensor: Tensor) -> Array:
    """The field's values as an array of rank 1; INVALID_ARGUMENT where one is beyond the type."""
    dtype = dtypes.BY_NAME[tensor.dtype].numpy
    if dtype.kind == "O":
        texts = getattr(message, field.name)
        array = np.empty(len(texts), object)
        array[:] = texts[:]
        return array
    if field is not _HALF_VAL and dtype.kind in "fc":
        values = packed.floats(
            message, field.number, np.float32 if _is_single(dtype) else np.float64
        )
        if dtype.kind == "c" and len(values) % 2:
            raise invalid(f'input "{tensor.name}": {field.name} holds half a complex number')
        return values.view(dtype)
    whole = packed.integers(message, field.number)
    if field is _HALF_VAL:
        return _narrowed(tensor, field, whole, np.dtype(np.uint16)).view(dtype)
    if dtype.kind == "b":
        return np.not_equal(whole, 0)
    return _narrowed(tensor, field, whole if dtype.kind == "u" else whole.view(np.int64), dtype)


def write(message: Message, field: Field, array: Array) -> None:
    """Fill the field, which is empty, with the array's elements in row-major order."""
    if field is _HALF_VAL:
        array = np.ascontiguousarray(array).view(np.uint16)
    if array.dtype.kind in "fc":
        packed.set_floats(message, field.number, array)
    else:
        getattr(message, field.name).extend(array.reshape(-1).tolist())


def _is_single(dtype: np.dtype[Any]) -> bool:
    return dtype in (np.float32, np.complex64)


def _narrowed(tensor: Tensor, field: Field, values: Array, dtype: np.dtype[Any]) -> Array:
    if values.dtype == dtype:
        return values
    narrow = values.astype(dtype)
    if not np.array_equal(narrow, values):
        raise invalid(f'input "{tensor.name}": {field.name} has a number beyond {dtype.name}')
    return narrow
