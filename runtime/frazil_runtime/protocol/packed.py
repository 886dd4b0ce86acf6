"""Numbers in repeated fields of protobuf messages, without a Python object for each.

protobuf hands a repeated field out element by element. Its serialised form is an array already,
little-endian, or of integers in base 128: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime.protocol.messages import Message

Array = npt.NDArray[Any]

_VARINT: Final = 0  # wire types
_FIXED64: Final = 1
_LENGTH: Final = 2


def floats(message: Message, field: int, dtype: npt.DTypeLike) -> Array:
    """The values of a repeated ``float`` or ``double`` field, as ``dtype``."""
    return np.frombuffer(_payload(message, field), dtype)


def integers(message: Message, field: int) -> Array:
    """The values of a repeated field of integers or truths, as uint64: negative ones wrapped."""
    data = np.frombuffer(_payload(message, field), np.uint8)
    if not data.size or data.max() < 0x80:
        return data.astype(np.uint64)
    ends = np.flatnonzero(data < 0x80)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    values = np.zeros(len(ends), np.uint64)
    for index in range(lengths.max()):
        longer = np.flatnonzero(lengths > index)
        septets = data[starts[longer] + index].astype(np.uint64) & np.uint64(0x7F)
        values[longer] |= septets << np.uint64(7 * index)
    return values


def set_floats(message: Message, field: int, array: Array) -> None:
    """Fill a repeated ``float`` or ``double`` field, which is empty, with an array of that type."""
    data = array.tobytes()
    message.MergeFromString(_varint(field << 3 | _LENGTH) + _varint(len(data)) + data)


def _payload(message: Message, field: int) -> memoryview:
    """The field's values as they are serialised, which they are in one piece; empty without any."""
    data = memoryview(message.SerializeToString())
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _read_varint(data, at)
            if tag >> 3 == field:
                return data[at : at + length]
            at += length
        elif kind == _VARINT:
            _, at = _read_varint(data, at)
        else:
            at += 8 if kind == _FIXED64 else 4
    return data[:0]


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    septets = bytearray()
    while value > 0x7F:
        septets.append(value & 0x7F | 0x80)
        value >>= 7
    septets.append(value)
    return bytes(septets)
