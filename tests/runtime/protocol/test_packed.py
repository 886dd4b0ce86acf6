"""Numbers of repeated fields as arrays: what protobuf hands out one by one comes out at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.protocol import packed
from frazil_runtime.protocol.messages import message_class

CONTENTS = message_class("inference.InferTensorContents")
TENSOR = message_class("tensorflow.TensorProto")

int64 = st.integers(-(2**63), 2**63 - 1)
uint64 = st.integers(0, 2**64 - 1)


@given(st.lists(int64))
def test_whole_numbers(values: list[int]) -> None:
    found = packed.integers(CONTENTS(int64_contents=values), 3)
    assert found.view(np.int64).tolist() == values


@given(st.lists(uint64))
def test_whole_numbers_without_a_sign(values: list[int]) -> None:
    assert packed.integers(CONTENTS(uint64_contents=values), 5).tolist() == values


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_narrow_numbers_are_as_wide_when_they_are_negative(values: list[int]) -> None:
    assert packed.integers(CONTENTS(int_contents=values), 2).view(np.int64).tolist() == values


@given(st.lists(st.booleans()))
def test_truths(values: list[bool]) -> None:
    assert packed.integers(CONTENTS(bool_contents=values), 1).tolist() == values


@given(st.lists(st.floats(width=32)))
def test_floats(values: list[float]) -> None:
    found = packed.floats(CONTENTS(fp32_contents=values), 6, np.float32)
    np.testing.assert_array_equal(found, np.float32(values))


@given(st.binary(), st.lists(st.floats()), int64, st.lists(uint64))
def test_a_field_among_others(
    content: bytes, values: list[float], version: int, others: list[int]
) -> None:
    message = TENSOR(
        tensor_content=content,
        version_number=version % 2**31,
        double_val=values,
        uint64_val=others,
    )
    np.testing.assert_array_equal(packed.floats(message, 6, np.float64), values)
    assert packed.integers(message, 17).tolist() == others


def test_a_field_that_a_client_sent_in_pieces() -> None:
    pieces = CONTENTS(int64_contents=[1, 300]), CONTENTS(int64_contents=[-1])
    joined = CONTENTS.FromString(b"".join(piece.SerializeToString() for piece in pieces))
    assert packed.integers(joined, 3).view(np.int64).tolist() == [1, 300, -1]


def test_fields_that_nobody_knows_are_passed_over() -> None:
    unknown = b"\xf8\x07\x01" + b"\xf9\x07" + bytes(8) + b"\xfd\x07" + bytes(4)
    message = CONTENTS.FromString(unknown)
    assert message.SerializeToString() == unknown
    assert packed.integers(message, 3).size == 0


@pytest.mark.parametrize("count", [0, 1, 40, 5000])
def test_floats_are_set(count: int) -> None:
    values: Any = np.arange(count, dtype=np.float32)
    message = CONTENTS(int_contents=[1])
    packed.set_floats(message, 6, values)
    assert list(message.fp32_contents) == values.tolist()
    assert list(message.int_contents) == [1]
