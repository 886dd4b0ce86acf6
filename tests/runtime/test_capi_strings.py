"""TF_TString cells, as they lie in memory."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.capi.strings import Cells, decode, encode


def cells(*raw: bytes) -> Cells:
    return np.frombuffer(b"".join(raw), np.uint64).reshape(-1, 3)


@given(st.lists(st.binary(max_size=100)))
def test_what_goes_in_comes_out(strings: list[bytes]) -> None:
    written, memory = encode(strings)
    assert decode(written) == strings
    del memory


def test_an_encoded_cell_is_a_view_of_the_joined_text() -> None:
    written, memory = encode([b"snow", b"ice"])
    start = memory.ctypes.data
    assert written.tolist() == [[4 << 2 | 3, start, 0], [3 << 2 | 3, start + 4, 0]]


def test_a_small_string_lies_in_its_cell() -> None:
    text = b"twenty-two bytes, all."
    assert decode(cells(bytes([22 << 2]) + text + b"\0")) == [text]


def test_a_large_string_lies_where_its_third_word_points() -> None:
    text = np.frombuffer(b"more than twenty-two bytes", np.uint8)
    assert decode(cells(struct.pack("<QQQ", 26 << 2 | 1, 32, text.ctypes.data))) == [text.tobytes()]


def test_an_offset_string_lies_at_a_distance_from_its_own_cell() -> None:
    text = b"frazil"
    memory = cells(
        struct.pack("<IIIIQ", 0, 0, 0, 0, 0),
        struct.pack("<IIIIQ", len(text) << 2 | 2, 24, 1, 0, 0),
        text.ljust(24, b"\0"),
    )
    assert decode(memory[1:2]) == [text]
