"""Nested lists to arrays and back, for every dtype, exactly."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import tensor
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from frazil_runtime import dtypes
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.tensors import from_flat, from_nested
from frazil_runtime.protocol.values import flat, nested, nested_rows

Array = npt.NDArray[Any]
IN_JSON = [dtype.name for dtype in dtypes.DTYPES if dtype.numpy.kind != "c"]

REFUSED: dict[str, tuple[str, tuple[int, ...] | None, object, str]] = {
    "a shorter row": ("float32", (-1, 2), [[1, 2], [3]], "unexpected size: 1 at level: 1"),
    "a longer row": ("float32", (-1, 2), [[1, 2], [3, 4, 5]], "unexpected size: 3 at level: 1"),
    "a number beside a list": (
        "float32",
        (-1, 2),
        [[1, 2], 3],
        "at incorrect level: 2",
    ),
    "a list beside a number": ("float32", (-1,), [1, [2]], "at incorrect level: 2"),
    "too few dimensions": ("float32", (-1, 2), [1, 2], "1 dimensions instead of 2"),
    "too many dimensions": ("float32", (-1,), [[1]], "2 dimensions instead of 1"),
    "a dimension of another size": ("float32", (-1, 2), [[1, 2, 3]], "3 instead of 2"),
    "1,000 dimensions where any rank goes": ("float32", None, "deep", "more than 64 dimensions"),
    "a fraction for an integer": (
        "int32",
        (-1,),
        [1, 1.5],
        "an exponent is not of",
    ),
    "a float for an integer": ("int64", (-1,), [1.0], "an exponent is not of"),
    "a bool for a number": ("float32", (-1,), [True], "Type: Bool is not of"),
    "a bool for an integer": ("int32", (-1,), [1, False], "Type: Bool is not of"),
    "a number for a bool": ("bool", (-1,), [1], "Type: Number is not of"),
    "a text for a number": ("float32", (-1,), ["1"], "Type: String is not of"),
    "a null for a number": ("float32", (-1,), [None], "Type: Null is not of"),
    "an object for a number": ("float32", (-1,), [{"b64": ""}], "Type: Object is not of"),
    "a number for a text": ("string", (-1,), [1], "Type: Number is not of"),
    "an object for a text": ("string", (-1,), [{"a": "b"}], "Type: Object is not of"),
    "what is no base64": ("string", (-1,), [{"b64": "%"}], "Unable to base64 decode"),
    "an integer over the top": ("int8", (-1,), [128], "beyond the range of int8"),
    "an integer below zero": ("uint8", (-1,), [-1], "beyond the range of uint8"),
    "an integer over 64 bits": ("int64", (-1,), [2**63], "beyond the range of int64"),
    "a float over the top": ("float32", (-1,), [1e39], "beyond the range of float32"),
    "a half over the top": ("float16", (-1,), [65520], "beyond the range of float16"),
    "a bfloat16 over the top": ("bfloat16", (-1,), [3.4e38], "beyond the range of bfloat16"),
    "an integer that no float holds": ("float64", (-1,), [10**400], "beyond the range"),
}


@pytest.mark.parametrize(("dtype", "shape", "value", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    dtype: str, shape: tuple[int, ...] | None, value: object, text: str
) -> None:
    if value == "deep":
        value = 1
        for _ in range(1000):
            value = [value]
    with pytest.raises(InferenceError, match=text) as raised:
        from_nested(tensor("x", dtype, shape), value)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert '"x"' in str(raised.value)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_json_has_no_complex_numbers(dtype: str) -> None:
    with pytest.raises(InferenceError) as raised:
        from_nested(tensor("x", dtype, (-1,)), [1])
    assert raised.value.code is Code.UNIMPLEMENTED
    with pytest.raises(InferenceError) as raised:
        nested(np.zeros(1, dtype))
    assert raised.value.code is Code.UNIMPLEMENTED


READ: dict[str, tuple[str, tuple[int, ...] | None, object, Array]] = {
    "whole numbers are floats": ("float32", (-1,), [1, 2.5], np.float32([1, 2.5])),
    "a bare number has rank 0": ("float32", (), 1, np.array(1, np.float32)),
    "an empty list has no rows": ("float32", (-1,), [], np.zeros(0, np.float32)),
    "empty rows have a shape": ("float32", (-1, 0), [[], []], np.zeros((2, 0), np.float32)),
    "any rank goes where it is free": ("int32", None, [[[1]]], np.ones((1, 1, 1), np.int32)),
    "the largest integer": ("uint64", (-1,), [2**64 - 1], np.array([2**64 - 1], np.uint64)),
    "an infinity stays one": ("bfloat16", (), math.inf, np.array(math.inf, ml_dtypes.bfloat16)),
    "text is UTF-8": ("string", (-1,), ["ä"], np.array([b"\xc3\xa4"], object)),
    "base64 is bytes": ("string", (), {"b64": "/w=="}, np.array(b"\xff", object)),
    "base64 may lack its padding": ("string", (), {"b64": "/w"}, np.array(b"\xff", object)),
}


@pytest.mark.parametrize(("dtype", "shape", "value", "expected"), READ.values(), ids=READ)
def test_what_is_read(
    dtype: str, shape: tuple[int, ...] | None, value: object, expected: Array
) -> None:
    array = from_nested(tensor("x", dtype, shape), value)
    assert array.dtype == expected.dtype
    assert array.shape == expected.shape
    assert array.tolist() == expected.tolist()


FLAT: dict[str, tuple[tuple[int, ...], object, str | None]] = {
    "flat data takes the shape": ((2, 2), [1, 2, 3, 4], None),
    "nested data has the shape": ((2, 2), [[1, 2], [3, 4]], None),
    "no elements need no data": ((0, 2), [], None),
    "too few elements": ((2, 2), [1, 2, 3], "4 elements, but its data has shape [3]"),
    "too many elements": ((2, 2), [1, 2, 3, 4, 5], "4 elements, but its data has shape [5]"),
    "nested data of another shape": ((2, 2), [[1, 2, 3, 4]], "its data has shape [1, 4]"),
    "a bare value": ((2, 2), 1, "its data has shape []"),
    "a negative size": ((-1, 2), [1, 2], "a dimension is negative"),
    "a product that overflows 64 bits": ((2**40, 2**40), [1], "too many elements"),
    "a product that overflows to zero": ((2**32, 2**32), [], "too many elements"),
    "a size beyond 64 bits": ((2**70, 0), [], "too many elements"),
    "a claim of much with little data": ((2**40, 2), [1, 2], "its data has shape [2]"),
}


@pytest.mark.parametrize(("shape", "value", "problem"), FLAT.values(), ids=FLAT)
def test_a_claimed_shape_must_be_that_of_the_data(
    shape: tuple[int, ...], value: object, problem: str | None
) -> None:
    x = tensor("x", "float32", (-1, -1))
    if problem is None:
        assert from_flat(x, shape, value).shape == shape
        return
    with pytest.raises(InferenceError) as raised:
        from_flat(x, shape, value)
    assert problem in str(raised.value)


@st.composite
def any_array(draw: st.DrawFn) -> tuple[str, Array]:
    """A dtype that JSON has and an array of it, of rank 0 to 3."""
    dtype = dtypes.BY_NAME[draw(st.sampled_from(IN_JSON))]
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    if dtype.is_string:
        texts = draw(st.lists(st.binary(), min_size=math.prod(shape), max_size=math.prod(shape)))
        array = np.empty(len(texts), object)
        array[:] = texts
        return dtype.name, array.reshape(shape)
    if dtype.name == "bfloat16":
        return dtype.name, draw(arrays.arrays(np.float16, shape)).astype(dtype.numpy)
    return dtype.name, draw(arrays.arrays(dtype.numpy, shape))


@given(any_array())
def test_every_array_comes_back_from_its_json(case: tuple[str, Array]) -> None:
    dtype, array = case
    text = documents.write(nested(array))
    back = from_nested(tensor("x", dtype, None), documents.parse(text))
    assert back.dtype == array.dtype
    if array.size or array.ndim < 2:  # [] tells no further sizes
        assert back.shape == array.shape
    if dtype == "bfloat16":  # numpy does not know its NaN
        back, array = back.astype(np.float32), array.astype(np.float32)
    np.testing.assert_array_equal(back.reshape(array.shape), array)


@given(any_array())
def test_every_finite_array_comes_back_from_its_flat_json(case: tuple[str, Array]) -> None:
    dtype, array = case
    if array.dtype == object:
        array = np.array([b"text"] * array.size, object).reshape(array.shape)
    else:
        array = np.where(np.isfinite(array), array, array.dtype.type(0))
    back = from_flat(
        tensor("x", dtype, None), array.shape, documents.parse(documents.write(flat(array)))
    )
    np.testing.assert_array_equal(back, array)


@given(any_array())
def test_the_rows_of_an_array_are_written_as_the_array_is(case: tuple[str, Array]) -> None:
    _, array = case
    if array.ndim:
        assert documents.write(nested_rows(array)) == documents.write(nested(array))


WRITTEN: dict[str, tuple[Array, bytes]] = {
    "floats have a point": (np.float32([1]), b"[1.0]"),
    "float32 has no noise of float64": (np.array(0.1, np.float32), b"0.1"),
    "NaN and the infinities are tokens": (
        np.float32([[1, math.nan], [math.inf, -math.inf]]),
        b"[[1.0,NaN],[Infinity,-Infinity]]",
    ),
    "a bare NaN is a token": (np.array(math.nan), b"NaN"),
    "columns are written as they stand": (np.arange(4).reshape(2, 2).T, b"[[0,2],[1,3]]"),
    "text is text": (np.array([b"\xc3\xa4"], object), '["ä"]'.encode()),
    "what is no text is base64": (np.array([b"a", b"\xff"], object), b'["a",{"b64":"/w=="}]'),
}


@pytest.mark.parametrize(("array", "text"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written(array: Array, text: bytes) -> None:
    assert documents.write(nested(array)) == text


def test_strings_that_are_binary_by_name_are_base64() -> None:
    array = np.array([b"a"], object)
    assert documents.write(nested(array, as_b64=True)) == b'[{"b64":"YQ=="}]'


def test_what_is_not_finite_is_null_in_flat_data() -> None:
    assert (
        documents.write(flat(np.float32([[1, math.nan], [math.inf, 2]]))) == b"[1.0,null,null,2.0]"
    )


@pytest.mark.parametrize("shape", [(100_000,), (3, 50_000), (50_000, 2), (2, 3, 20_000), (2, 0)])
def test_a_long_array_is_written_as_a_short_one_is(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).random(shape, np.float32)
    assert documents.write(nested(array)) == documents.write(array)
    assert documents.write(flat(array)) == documents.write(array.ravel())
    array.flat[-1:] = math.nan
    assert documents.write(flat(array)) == documents.write(array.ravel())
    assert documents.write(nested(array)) == documents.write(array).replace(b"null", b"NaN")


def test_many_rows_are_written_as_few_are() -> None:
    rows = [{"a": number} for number in range(1000)]
    assert documents.write({"rows": documents.long_list(rows)}) == documents.write({"rows": rows})
