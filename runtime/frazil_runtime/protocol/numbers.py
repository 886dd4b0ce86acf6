"""Long lists of numbers in a JSON document, read piece by piece.

A JSON parser holds the interpreter's lock for the whole of a document: 40 MB of numbers stop every
other thread, the event loop's too, for most of a second, and become 400 MB of Python's numbers. So
they are cut out of the document first and stay text until the array they belong to is known; then
they are parsed some thousand at a time, and the lock is free in between.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import orjson

from frazil_runtime.errors import invalid
from frazil_runtime.protocol.regular import Numeric, parse_flat
from frazil_runtime.requests import Body
from frazil_runtime.validation import MAX_RANK

LONG: Final = 512 * 1024  # bytes; what is shorter is parsed at once, in about a millisecond
_WINDOW: Final = 64 * 1024
_STRIDE: Final = 128 * 1024
_PIECE: Final = 64 * 1024

_SPACE: Final = b" \t\r\n"
_DIGITS: Final = b"0123456789+-.eE"
_ALIKE: Final = bytes.maketrans(_DIGITS, b"0" * len(_DIGITS))
# Where a list was cut out. Nobody can send it: it is drawn anew in each process.
_MARK: Final = token_hex(16)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A regular nested list of numbers: its shape, of rank 1 or more, and its text."""

    shape: tuple[int, ...]
    text: memoryview

    def tolist(self) -> list[Any]:
        """The nested list itself."""
        return _parse(bytes(self.text))

    def pieces(self) -> Iterator[Numeric | list[Any]]:
        """The numbers in row-major order, some thousand at a time.

        A piece is a list where a whole number in it is larger than any array's.
        """
        start, end = 0, len(self.text)
        missing = math.prod(self.shape)
        while start < end:
            piece = bytes(self.text[start : start + _PIECE])
            if start + _PIECE < end:
                cut = piece.rfind(b",")
                if cut < 0:
                    raise invalid("JSON Parse error: a number without end")
                piece = piece[:cut]
            start += len(piece) + 1
            flat = b"[%s]" % piece.translate(None, b"[]")
            array = parse_flat(flat)
            numbers = _parse(flat) if array is None else array
            missing -= len(numbers)
            yield numbers
        if missing:  # a comma at the end of one piece, and nothing but brackets in the next
            raise invalid("JSON Parse error: a comma without a number in a long list of numbers")


def parse(body: Body) -> Any:
    """The value of a JSON document in which long lists of numbers are ``Numbers``.

    None where there are none, or the document is not as simple as that: it may yet be JSON.
    """
    found: list[Numbers] = []
    skeleton: list[Body] = []
    done = 0
    for start, end in _spans(body):
        if shape := _shape(memoryview(body)[start:end]):
            skeleton += body[done:start], b'{"%s":%d}' % (_MARK.encode(), len(found))
            found.append(Numbers(shape, memoryview(body)[start:end]))
            done = end
    if not found:
        return None
    try:
        # A list that was part of a text is none: its mark's quotes end the text, and the parse.
        return json.loads(
            b"".join((*skeleton, body[done:])).decode(),
            object_hook=lambda record: found[record[_MARK]] if _MARK in record else record,
        )
    except (ValueError, RecursionError):
        return None


def _spans(body: Body) -> Iterator[tuple[int, int]]:
    """From the first bracket to the last of each long stretch that has no quote in it.

    An object may end behind the list, as a tensor does behind its data: the stretch ends there.
    """
    start = 0
    while start < len(body):
        quote = body.rfind(b'"', start, start + _WINDOW)
        if quote >= 0:
            start = quote + 1
            continue
        end = _find(body, b'"', start, len(body))
        first = _find(body, b"[", start, end)
        last = body.rfind(b"]", first, _find(body, b"}", first, end))
        if first <= last - _WINDOW:
            yield first, last + 1
        start = end + 1


def _find(body: Body, what: bytes, start: int, end: int) -> int:
    """Where ``what`` begins; ``end`` where it does not."""
    found = body.find(what, start, end)
    return end if found < 0 else found


def _shape(text: memoryview) -> tuple[int, ...] | None:
    """The sizes of nested lists of numbers; None where they are ragged, or something else."""
    return _regular(b"".join(_outline(text)))


def _outline(text: memoryview) -> Iterator[bytes]:
    """The brackets and commas alone, and a mark where one of them is not where it belongs."""
    last = b""
    for start in range(0, len(text), _STRIDE):
        piece = last + bytes(text[start : start + _STRIDE]).translate(_ALIKE, _SPACE)
        if b"0[" in piece or b"]0" in piece or b"[]" in piece:
            yield b"?"
        yield piece[len(last) :].translate(None, b"0")
        last = piece[-1:]


def _regular(outline: bytes) -> tuple[int, ...] | None:
    """The shape whose outline this is: built from the first list of each level, and compared."""
    rank = len(outline) - len(outline.lstrip(b"["))
    if rank > MAX_RANK:
        return None
    level = b""
    shape: list[int] = []
    for depth in range(1, rank + 1):
        # The first list of this depth ends where as many brackets close, and n elements of one
        # length, n - 1 commas and 2 brackets lie in between.
        length = outline.find(b"]" * depth) + depth - (rank - depth)
        size = (length - 1) // (len(level) + 1)
        if size < 1 or size * len(level) > len(outline):
            return None
        level = b"[" + (level + b",") * (size - 1) + level + b"]"
        shape.append(size)
    return tuple(reversed(shape)) if level == outline else None


def _parse(text: bytes) -> list[Any]:
    try:
        numbers: list[Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} in a long list of numbers") from None
    return numbers
