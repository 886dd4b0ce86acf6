"""An npz read in part: what its headers say of its arrays, then the rows that are wanted."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

# What a damaged file raises, or one that is no npz.
ERRORS = (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error)

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Npz:
    """The arrays of an open npz by name. Raises ERRORS."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.names = {n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Npz]:
        """Open the file for the block's length."""
        with ZipFile(path) as archive:
            yield cls(archive)

    def shape(self, name: str) -> tuple[int, ...]:
        """The array's shape; nothing of its values is read."""
        with self._archive.open(f"{name}.npy") as file:
            return _header(file)[0]

    def read(self, name: str, rows: int | None = None) -> npt.NDArray[Any]:
        """The array, or its first ``rows``; no more of the file is read than these need."""
        with self._archive.open(f"{name}.npy") as file:
            shape, columns_first, dtype = _header(file)
            if rows is None or not shape:
                return _values(file, dtype, shape, columns_first)
            if columns_first:  # each row is scattered over the whole
                return _values(file, dtype, shape, columns_first)[:rows]
            return _values(file, dtype, (min(rows, shape[0]), *shape[1:]), columns_first)

    def stream(self, name: str, rows: int) -> Iterator[npt.NDArray[Any]]:
        """The array in pieces of ``rows`` rows, the last one shorter: no more is held at a time,
        unless its columns come first. ValueError for an array without rows."""
        with self._archive.open(f"{name}.npy") as file:
            shape, columns_first, dtype = _header(file)
            if not shape:
                raise ValueError(f"the array {name!r} has no rows, it is one value")
            whole = _values(file, dtype, shape, columns_first=True) if columns_first else None
            for start in range(0, shape[0], rows):
                if whole is not None:
                    yield whole[start : start + rows]
                else:
                    count = min(rows, shape[0] - start)
                    yield _values(file, dtype, (count, *shape[1:]), columns_first=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis changes fastest, dtype."""
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array in version {version} of numpy's format")
    shape, columns_first, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    return shape, columns_first, dtype


def _values(
    file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], columns_first: bool
) -> npt.NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size)
    if len(data) != size:
        raise EOFError("an array that ends early")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if columns_first else "C")
