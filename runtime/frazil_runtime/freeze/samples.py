"""Inputs for the proof: the user's, else the model's warm-up requests, else made from its specs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime.contract import Exit
from frazil_runtime.dtypes import BY_NAME
from frazil_runtime.freeze import npz, requests
from frazil_runtime.freeze.fitting import cast, require_shape
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Arrays
from frazil_runtime.freeze.shapes import Sizes
from frazil_runtime.freeze.sparse import filled, sparse_inputs
from frazil_runtime.manifest import Signature

Array = npt.NDArray[Any]
Strings = Callable[[np.random.Generator, int], list[bytes]]

# One run's worth, and how many of these are looked at: enough to see a difference, and a bound on
# the time a large data set takes.
_ROWS, _BATCHES = 32, 8
_FIELD = "`samples`"


def collect(
    source: Path, samples: Path | None, signatures: Mapping[str, Signature]
) -> dict[str, list[Arrays]]:
    """Real inputs by signature: of the user's npz, else of the SavedModel's warm-up requests."""
    if samples:
        return from_npz(samples, signatures)
    return requests.recorded(source, signatures)


def from_npz(path: Path, signatures: Mapping[str, Signature]) -> dict[str, list[Arrays]]:
    """The user's arrays, named ``<input>`` or ``<signature>/<input>``, in batches of rows.

    Arrays of numpy's text or byte strings serve string inputs. A signature that lacks an array
    is left out. Raises FreezeError (INVALID_REQUEST) where each does, or an array does not fit.
    """
    try:
        with npz.Npz.open(path) as file:
            names = file.names
            given = {name: _given(file, name, each) for name, each in signatures.items()}
    except npz.ERRORS as error:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"`samples` is not an npz that can be read ({error}): write it with "
            "numpy.savez(path, <input>=array, …)",
        ) from error
    found = {n: list(_batches(signatures[n], arrays)) for n, arrays in given.items() if arrays}
    if not found:
        wanted = "; ".join(
            f"{name!r} takes {', '.join(t.name for t in signature.inputs) or 'nothing'}"
            for name, signature in sorted(signatures.items())
        )
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"`samples` has the arrays {', '.join(sorted(names)) or 'of no name'}, which are all "
            f"the inputs of no signature: {wanted}",
        )
    return found


def generated(
    signature: Signature, sizes: Sizes, strings: Strings, rows: int, seed: int = 0
) -> dict[str, Array]:
    """Inputs of the given sizes, the same ones every time; the leading free dimension is ``rows``.

    Floats lie in [0, 1), integers are 0 or 1 (every table has these), uint8 is any byte.
    """
    random = np.random.default_rng(seed)
    arrays = {}
    for tensor in signature.inputs:
        free = {axis: sizes.get((tensor.name, axis), 1) for axis in range(len(tensor.shape or ()))}
        shape = [
            free[axis] * (rows if axis == 0 else 1) if size == -1 else size
            for axis, size in enumerate(tensor.shape or ())
        ]
        arrays[tensor.name] = _values(random, tensor.dtype, shape, strings)
    for each in sparse_inputs(signature):
        name = each.dense_shape.name
        first, *rest = (sizes.get((name, axis), 1) for axis in range(each.rank))
        arrays[each.indices.name], arrays[name] = filled([first * rows, *rest])
        values = _values(random, each.values.dtype, [first * rows], strings)
        arrays[each.values.name] = values
    return arrays


def resized(array: Array, shape: list[int]) -> Array:
    """The array repeated or cut along each axis to ``shape``."""
    for axis, size in enumerate(shape):
        array = np.take(array, np.arange(size) % max(1, array.shape[axis]), axis)
    return array


def first_row(signature: Signature, arrays: Arrays, batchable: bool) -> dict[str, Array]:
    """What the runtime warms up with: one row of a batch, or the whole sample."""
    return {t.name: arrays[t.name][:1] if batchable else arrays[t.name] for t in signature.inputs}


def _values(random: np.random.Generator, dtype: str, shape: list[int], strings: Strings) -> Array:
    kind = BY_NAME[dtype].numpy
    count = int(np.prod(shape))
    if dtype == "string":
        flat = np.empty(count, object)
        flat[:] = strings(random, count)
        return flat.reshape(shape)
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if np.issubdtype(kind, np.integer):
        return random.integers(0, 256 if dtype == "uint8" else 2, shape).astype(kind)
    return random.random(shape).astype(kind)


def _given(file: npz.Npz, name: str, signature: Signature) -> dict[str, Array]:
    """The arrays of a signature, no more rows of them than are looked at; empty where one lacks."""
    keys = {
        tensor.name: key
        for tensor in signature.inputs
        for key in (tensor.name, f"{name}/{tensor.name}")
        if key in file.names
    }
    if len(keys) < len(signature.inputs):
        return {}
    shapes = {tensor.name: file.shape(keys[tensor.name]) for tensor in signature.inputs}
    for tensor in signature.inputs:
        require_shape(_FIELD, tensor, shapes[tensor.name])
    rows = _ROWS * _BATCHES if _common_rows(signature, shapes) is not None else None
    return {t.name: cast(_FIELD, file.read(keys[t.name], rows), t) for t in signature.inputs}


def _common_rows(signature: Signature, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """The number of rows, where every input has a free number of them and the same one."""
    free = all(tensor.shape and tensor.shape[0] == -1 for tensor in signature.inputs)
    lengths = {shape[0] for shape in shapes.values()} if free else set()
    return lengths.pop() if len(lengths) == 1 else None


def _batches(signature: Signature, arrays: Arrays) -> Iterator[Arrays]:
    rows = _common_rows(signature, {name: array.shape for name, array in arrays.items()})
    if rows is None:
        yield arrays
        return
    for start in range(0, rows, _ROWS):
        yield {name: array[start : start + _ROWS] for name, array in arrays.items()}
