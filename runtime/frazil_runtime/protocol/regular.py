"""Documents that are mostly regular lists of numbers: these become arrays.

So no Python object is made for each number.

A document that is not so simple (a truth among numbers, a whole number of more than 64 bits, a NaN,
many objects) is left to the parsers that read everything, and so is every error.
"""

from __future__ import annotations

import math
import threading
from itertools import accumulate
from operator import mul
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from simdjson import Array, Object, Parser

from frazil_runtime.requests import Body

Numeric = npt.NDArray[np.int64 | np.uint64 | np.float64]

LEAST: Final = 512  # bytes of a document from which on this is the quicker way
_FEW: Final = 64  # so many items may be other than numbers; so few numbers stay a list

_KINDS: Final = (("i", np.int64), ("u", np.uint64), ("d", np.float64))
_NUMBER: Final = frozenset((int, float))
_ARRAYS: Final = {Array}
_LOCAL: Final = threading.local()  # a parser keeps its memory from one document to the next


def parse(body: Body) -> dict[str, Any] | None:
    """The value of a document in which each long regular list of numbers is an array.

    Whole numbers are int64, or uint64 where they need it; if one has a fraction or an exponent, or
    if neither type holds them all, they are float64, correctly rounded. None where ``body`` is no
    object, or cannot be read so.
    """
    if not body.startswith(b"{"):
        return None
    try:
        value: dict[str, Any] = _value(_parser().parse(body))
    except (KeyError, ValueError, RuntimeError):  # a RecursionError is a RuntimeError
        return None
    # Lists among the numbers were flattened unseen: then more were opened than are known.
    return value if _opens(body, _lists(value)) else None


def parse_flat(text: bytes) -> Numeric | None:
    """A list of numbers as an array of rank 1, as above."""
    try:
        numbers: Any = _parser().parse(text)
        return _numbers(numbers, numbers[0])
    except (ValueError, RuntimeError, IndexError):
        return None


def _parser() -> Parser:
    try:
        parser: Parser = _LOCAL.parser
    except AttributeError:
        parser = _LOCAL.parser = Parser()
    return parser


def _value(item: Any) -> Any:
    if type(item) is Array:
        shape, first = _shape(item)
        if type(first) in _NUMBER and math.prod(shape) > _FEW:
            return _numbers(item, first).reshape(shape)
        return [_value(inner) for inner in _few(item)]
    return _record(_few(item)) if type(item) is Object else item


def _record(item: Any) -> dict[str, Any]:
    """An object whose keys differ: each is looked for from the first on, and up to a NUL."""
    record = {key: _value(item[key]) for key in item}
    if len(record) != len(item) or "\0" in "".join(record):
        raise ValueError
    return record


def _few(item: Any) -> Any:
    if len(item) > _FEW:
        raise ValueError
    return item


def _shape(array: Any) -> tuple[tuple[int, ...], object]:
    """How long the lists of each level are, and what is first in the innermost of them."""
    shape = [len(array)]
    level = [array]
    while True:
        first = level[0][0] if shape[-1] else None
        if type(first) is not Array:
            return tuple(shape), first
        level = [first] if shape == [1] else [inner for item in level for inner in item]
        if {*map(type, level)} != _ARRAYS:
            raise ValueError
        sizes = {*map(len, level)}
        if len(sizes) != 1:
            raise ValueError
        shape.append(sizes.pop())


def _numbers(array: Any, first: object) -> Numeric:
    """All numbers in a list of lists; ValueError where there is something else."""
    for kind, dtype in _KINDS[2 if type(first) is float else 0 :]:
        try:
            return np.frombuffer(array.as_buffer(of_type=kind), dtype)
        except (TypeError, ValueError):
            continue
    raise ValueError


def _opens(body: Body, lists: int) -> bool:
    """Whether so many lists begin in a document, or are written in its texts."""
    if lists > _FEW:  # quicker than body.count
        return lists == np.count_nonzero(np.frombuffer(body, np.uint8) == ord("["))
    at = -1
    for _ in range(lists):
        at = body.find(b"[", at + 1)
    return body.find(b"[", at + 1) < 0


def _lists(value: object) -> int:
    """How many lists a value is made of."""
    if type(value) is np.ndarray:
        return sum(accumulate(value.shape[:-1], mul, initial=1))
    if type(value) is dict:
        return sum(map(_lists, value.values()))
    return 1 + sum(map(_lists, value)) if type(value) is list else 0
