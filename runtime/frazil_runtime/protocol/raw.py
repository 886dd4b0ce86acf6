"""Tensors as raw bytes: the elements in row-major order, little-endian.

So do Triton's binary tensor extension and gRPC's raw contents have them. A byte string is its
length, in 4 bytes, and then itself. Arrays made here are views of the bytes, which are not copied.
"""

from __future__ import annotations

import math
from itertools import chain
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.errors import InferenceError, invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.validation import check_shape

Array = npt.NDArray[Any]

_LENGTH: Final = Struct("<I")


def from_raw(tensor: Tensor, shape: tuple[int, ...], raw: memoryview) -> Array:
    """The array of ``shape``; INVALID_ARGUMENT where ``raw`` holds more, less or something else."""
    check_shape(tensor, shape)
    dtype = dtypes.BY_NAME[tensor.dtype]
    if dtype.is_string:
        return _strings(tensor, shape, raw)
    expected = math.prod(shape) * dtype.numpy.itemsize
    if raw.nbytes != expected:
        raise _misfit(tensor, shape, f"that is {expected} bytes, but has {raw.nbytes}")
    if dtype.numpy.kind == "b" and raw.nbytes and np.frombuffer(raw, np.uint8).max() > 1:
        raise invalid(f'input "{tensor.name}" is bool: each of its bytes must be 0 or 1')
    return np.ndarray(shape, dtype.numpy, raw)


def to_raw(array: Array) -> bytes:
    """What ``from_raw`` reads; strings are object arrays of ``bytes``."""
    if array.dtype != object:
        return array.tobytes()
    return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in array.flat))


def _strings(tensor: Tensor, shape: tuple[int, ...], raw: memoryview) -> Array:
    """Nothing is allocated from a claimed shape or length: both are compared with what is there."""
    texts: list[bytes] = []
    at = 0
    while at < raw.nbytes:
        start = at + _LENGTH.size
        if start > raw.nbytes:
            raise _cut(tensor, len(texts))
        at = start + _LENGTH.unpack_from(raw, at)[0]
        if at > raw.nbytes:
            raise _cut(tensor, len(texts))
        texts.append(raw[start:at].tobytes())
    if len(texts) != math.prod(shape):
        raise _misfit(tensor, shape, f"but has {len(texts)} byte strings")
    array = np.empty(len(texts), object)
    array[:] = texts
    return array.reshape(shape)


def _cut(tensor: Tensor, index: int) -> InferenceError:
    return invalid(
        f'input "{tensor.name}": byte string {index} is longer than the bytes that are left: each '
        "has its length before it, in 4 bytes, little-endian"
    )


def _misfit(tensor: Tensor, shape: tuple[int, ...], what: str) -> InferenceError:
    return invalid(f'input "{tensor.name}" has shape {list(shape)} of {tensor.dtype}, {what}')
