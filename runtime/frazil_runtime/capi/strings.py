"""Byte strings in and out of TensorFlow's TF_TString cells, without a C call for each.

A cell (tensorflow/core/platform/ctstring_internal.h) is 24 bytes, little-endian, and the low two
bits of its first word say what it is::

    SMALL  0   byte 0 is size << 2, the text (up to 22 bytes) follows in the cell
    LARGE  1   words: size << 2 | 1, capacity, pointer to memory that the cell owns
    OFFSET 2   32-bit words: size << 2 | 2, offset of the text from the cell's own address
    VIEW   3   words: size << 2 | 3, pointer to memory that somebody else owns
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

CELL_BYTES: Final = 24
_WORDS: Final = CELL_BYTES // 8
_SMALL, _LARGE, _OFFSET, _VIEW = range(4)

Cells = npt.NDArray[np.uint64]  # of shape (strings, 3)


def encode(strings: Sequence[bytes]) -> tuple[Cells, npt.NDArray[np.uint8]]:
    """Cells that view ``strings``, and the memory they point into.

    The memory must live until the run's outputs have been read: an output can be the input itself.
    """
    text = np.frombuffer(b"".join(strings) or b"\0", np.uint8)
    sizes = np.fromiter(map(len, strings), np.uint64, len(strings))
    cells = np.zeros((len(strings), _WORDS), np.uint64)
    cells[:, 0] = sizes << np.uint64(2) | np.uint64(_VIEW)
    cells[:, 1] = np.uint64(text.ctypes.data) + np.cumsum(sizes, dtype=np.uint64) - sizes
    return cells, text


def decode(cells: Cells) -> list[bytes]:
    """Copies of the strings in ``cells``, which lie where TensorFlow put them."""
    raw = cells.tobytes()
    address = cells.ctypes.data
    return [
        raw[at + 1 : at + 1 + (raw[at] >> 2)]
        if raw[at] & 3 == _SMALL
        else _outside(words, address + at)
        for at, words in zip(range(0, len(raw), CELL_BYTES), cells.tolist(), strict=True)
    ]


def _outside(words: list[int], address: int) -> bytes:
    """The text of a cell that points elsewhere; ``address`` is the cell's own."""
    kind = words[0] & 3
    if kind == _OFFSET:
        size, offset = words[0] & 0xFFFFFFFF, words[0] >> 32
        return ctypes.string_at(address + offset, size >> 2)
    return ctypes.string_at(words[2 if kind == _LARGE else 1], words[0] >> 2)
