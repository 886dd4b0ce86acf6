"""Raw bytes to tensors and back, for every dtype; and never beyond what was sent."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import tensor
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from frazil_runtime import dtypes
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol.raw import from_raw, to_raw

Array = npt.NDArray[Any]
HELLO = b"\x05\x00\x00\x00hello"

REFUSED: dict[str, tuple[str, tuple[int, ...], bytes, str]] = {
    "too few bytes": ("float32", (2,), b"1234567", r"that is 8 bytes, but has 7"),
    "too many bytes": ("float32", (2,), b"123456789", r"that is 8 bytes, but has 9"),
    "no bytes": ("bfloat16", (1,), b"", r"\[1\] of bfloat16, that is 2 bytes, but has 0"),
    "bytes for nothing": ("float16", (0,), b"12", r"that is 0 bytes, but has 2"),
    "a shape of exabytes": ("float32", (2**55,), b"1234", r"but has 4"),
    "a shape that overflows": ("float32", (2**62, 4), b"1234", "too many elements"),
    "a negative shape": ("float32", (-1, -1), b"1234", "a dimension is negative"),
    "a truth that is 2": ("bool", (2,), b"\x01\x02", "must be 0 or 1"),
    "half a length": ("string", (1,), b"\x05\x00\x00", "byte string 0 is longer"),
    "a string that is cut": ("string", (1,), HELLO[:-1], "byte string 0 is longer"),
    "a second string that is cut": ("string", (2,), HELLO + b"\x01\0\0\0", "byte string 1 is"),
    "a length of 4 GB": ("string", (1,), b"\xff" * 5, "byte string 0 is longer"),
    "too few strings": ("string", (2,), HELLO, "but has 1 byte strings"),
    "too many strings": ("string", (1,), HELLO * 2, "but has 2 byte strings"),
    "strings of a shape of exabytes": ("string", (2**55,), HELLO, "but has 1 byte strings"),
}


@pytest.mark.parametrize(("dtype", "shape", "raw", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(dtype: str, shape: tuple[int, ...], raw: bytes, text: str) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        from_raw(tensor("x", dtype, None), shape, memoryview(raw))
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert '"x"' in str(raised.value)


def test_a_shape_is_the_signatures() -> None:
    with pytest.raises(InferenceError, match=r"must have shape \[-1, 2\], got \[2, 1\]"):
        from_raw(tensor("x"), (2, 1), memoryview(bytes(8)))


def test_an_array_is_a_view_of_the_bytes_wherever_they_begin() -> None:
    body = b"{}" + np.float32([1, 2]).tobytes()
    array = from_raw(tensor("x"), (1, 2), memoryview(body)[2:])
    assert array.tolist() == [[1, 2]]
    assert not array.flags.writeable
    assert not array.flags.owndata


def test_strings_are_preceded_by_their_lengths() -> None:
    assert to_raw(np.array([b"hello", b""], object)) == HELLO + bytes(4)


NUMERIC = [dtype for dtype in dtypes.DTYPES if not dtype.is_string]


@given(st.sampled_from(NUMERIC), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0), st.data())
def test_any_bits_come_back(
    dtype: dtypes.DType, shape: tuple[int, ...], data: st.DataObject
) -> None:
    size = math.prod(shape) * dtype.numpy.itemsize
    raw = data.draw(st.binary(min_size=size, max_size=size))
    if dtype.numpy.kind == "b":
        raw = bytes(byte & 1 for byte in raw)
    array = from_raw(tensor("x", dtype.name, None), shape, memoryview(raw))
    assert array.dtype == dtype.numpy
    assert array.shape == shape
    assert to_raw(array) == raw


@given(arrays.arrays(object, arrays.array_shapes(min_dims=0), elements=st.binary()))
def test_any_strings_come_back(array: Array) -> None:
    read = from_raw(tensor("x", "string", None), array.shape, memoryview(to_raw(array)))
    np.testing.assert_array_equal(read, array)


@given(st.binary(), st.lists(st.integers(0, 9), max_size=2), st.sampled_from(dtypes.DTYPES))
def test_any_bytes_are_read_or_refused(raw: bytes, shape: list[int], dtype: dtypes.DType) -> None:
    with suppress(InferenceError):
        array = from_raw(tensor("x", dtype.name, None), tuple(shape), memoryview(raw))
        assert to_raw(array) == raw
