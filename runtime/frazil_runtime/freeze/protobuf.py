"""Protobuf messages in files: binary, or text where the name ends in ``.pbtxt``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)


def read(path: Path, kind: type[M]) -> M:
    """The message in a file. Raises DecodeError for what is none, and OSError."""
    message: M = kind()
    data = path.read_bytes()
    if path.suffix != ".pbtxt":
        message.ParseFromString(data)
        return message
    try:
        text_format.Parse(data, message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from error
    return message
