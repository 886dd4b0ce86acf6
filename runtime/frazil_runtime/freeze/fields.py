"""Pure: a protobuf message's fields by number, where its type is not at hand."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

_LENGTH_DELIMITED = 2  # strings, bytes, messages


def at(message: bytes, *path: int) -> Iterator[bytes]:
    """The strings and messages at a path of field numbers. Raises protobuf's DecodeError."""
    number, *rest = path
    for field in UnknownFieldSet(Empty.FromString(message)):
        if field.field_number == number and field.wire_type == _LENGTH_DELIMITED:
            if rest:
                yield from at(field.data, *rest)
            else:
                yield field.data
