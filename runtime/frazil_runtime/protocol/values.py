"""Arrays as JSON has them: numbers, text and nested lists, for ``documents.write``.

Long arrays are written some thousand elements at a time: the interpreter's lock is free in between.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol.documents import write

Array = npt.NDArray[Any]

_PIECE: Final = 16 * 1024  # elements; written in about a millisecond


def nested(array: Array, *, as_b64: bool = False) -> object:
    """The value of ``array``; NaN and the infinities are the tokens that no strict reader knows.

    Strings are text; with ``as_b64``, and where they are not UTF-8, they are ``{"b64": text}``.
    """
    if array.dtype == object:
        return _texts(array, as_b64=as_b64)
    return _written(_numbers(array), tokens=True)


def nested_rows(array: Array, *, as_b64: bool = False) -> Sequence[object]:
    """``nested`` of each row of an array of rank 1 or more."""
    if array.dtype == object:
        return _texts(array, as_b64=as_b64)
    numbers = _numbers(array)
    return list(numbers) if _is_finite(numbers) else [_written(row, tokens=True) for row in numbers]


def flat(array: Array) -> object:
    """The elements in row-major order; what is not finite is null.

    Strings are text; UnicodeDecodeError where one is not UTF-8.
    """
    array = array.reshape(-1)
    if array.dtype == object:
        return [text.decode() for text in array]
    return _written(_numbers(array), tokens=False)


def _texts(array: Array, *, as_b64: bool) -> list[object]:
    """As nested lists; of an array of rank 0, the bare value."""
    texts = np.empty(array.size, object)
    texts[:] = [_text(element, as_b64=as_b64) for element in array.flat]
    nested_texts: list[object] = texts.reshape(array.shape).tolist()
    return nested_texts


def _text(element: bytes, *, as_b64: bool) -> str | dict[str, str]:
    if not as_b64:
        try:
            return element.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": b64encode(element).decode()}


def _numbers(array: Array) -> Array:
    """In C order and of a type that orjson writes; a rank of 0 makes it a numpy scalar."""
    if array.dtype.kind == "c":
        raise InferenceError(
            Code.UNIMPLEMENTED, f"an output is {array.dtype.name}, and JSON has no such number"
        )
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    return array.copy(order="C")[()] if not array.flags.c_contiguous else array[()]


def _is_finite(numbers: Array) -> bool:
    return numbers.dtype.kind != "f" or bool(np.isfinite(numbers).all())


def _written(numbers: Array, *, tokens: bool) -> object:
    if numbers.size > _PIECE:
        return orjson.Fragment(_in_pieces(numbers, tokens=tokens))
    text = write(numbers)
    if tokens and b"null" in text:  # sooner found than by a look at each number
        text = _with_tokens(numbers, text)
    return orjson.Fragment(text)


def _in_pieces(numbers: Array, *, tokens: bool) -> bytes:
    rows = _PIECE // numbers[0].size
    if rows:
        starts = range(0, len(numbers), rows)
        pieces = (numbers[start : start + rows] for start in starts)
        texts = [write(_written(piece, tokens=tokens))[1:-1] for piece in pieces]
    else:
        texts = [write(_written(row, tokens=tokens)) for row in numbers]
    return b"[%s]" % b",".join(texts)


def _with_tokens(numbers: Array, text: bytes) -> bytes:
    """The array's text, but each number that is not finite stands as its token."""
    gaps = np.asarray(numbers)[~np.isfinite(numbers)].tolist()
    first, *rest = text.split(b"null")
    return b"".join(chain((first,), *zip(map(_token, gaps), rest, strict=True)))


def _token(number: float) -> bytes:
    if math.isnan(number):
        return b"NaN"
    return b"Infinity" if number > 0 else b"-Infinity"
