"""PURE. Which waiting rows make the next run, and how its results are given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class RowsError(ValueError):
    """A model's outputs are not the rows of its inputs, though they were when it was frozen."""


class Waiting(Protocol):
    """What is needed of an item: how many of its rows no run has taken yet."""

    rows: int


W = TypeVar("W", bound=Waiting)


def form(waiting: Iterable[W], best: int) -> list[tuple[W, int]]:
    """The next run of these items, in order: items, and how many of the next rows of each.

    Together they are as many as gains anything, in a power of two: 13 waiting rows become runs of
    8, 4 and 1, each a size that was warmed up. The last item may be taken in part.
    """
    taken: list[W] = []
    total = 0
    for item in waiting:
        taken.append(item)
        total += item.rows
        if total >= best:
            break
    size = whole(total, best)
    parts = []
    for item in taken:
        rows = min(item.rows, size)
        parts.append((item, rows))
        size -= rows
        if not size:
            break
    return parts


def whole(waiting: int, best: int) -> int:
    """How many of so many waiting rows make the next run: a power of two, which was warmed up."""
    return 1 << (min(waiting, best).bit_length() - 1)


def split(outputs: Sequence[Array], sizes: Sequence[int]) -> list[list[Array]]:
    """The rows of each part of a run, as views; RowsError where they are not as many."""
    total = sum(sizes)
    for output in outputs:
        if not output.ndim or len(output) != total:
            raise RowsError(f"an output of shape {list(output.shape)} of a run of {total} rows")
    found = []
    start = 0
    for size in sizes:
        found.append([output[start : start + size] for output in outputs])
        start += size
    return found


def join(parts: Sequence[Sequence[Array]]) -> list[Array]:
    """The outputs of one request whose rows went through in several runs, in order; RowsError
    where they do not fit."""
    if len(parts) == 1:
        return list(parts[0])
    try:
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
    except ValueError as error:
        raise RowsError(f"outputs of one request that do not fit: {error}") from None
