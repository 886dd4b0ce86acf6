"""PURE. Arrays of strings (objects that are ``bytes``), looked through a slice at a time.

What goes through millions of them in one call of C keeps the interpreter's lock for as long, on
whichever thread: between two slices others have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy.typing as npt

Array = npt.NDArray[Any]

HERE: Final = 8192  # strings; to look through more takes longer than a thread's hand-over
_SLICE: Final = 8192


def slices(array: Array) -> Iterator[list[Any]]:
    """The elements in row-major order."""
    flat = array.ravel()
    return (flat[start : start + _SLICE].tolist() for start in range(0, flat.size, _SLICE))


def kinds(array: Array) -> set[type]:
    """The types of the elements."""
    found: set[type] = set()
    for some in slices(array):
        found.update(map(type, some))
    return found


def count(arrays: list[Array]) -> int:
    """How many strings these arrays have together."""
    return sum([array.size for array in arrays if array.dtype == object])
