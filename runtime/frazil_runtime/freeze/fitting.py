"""Pure: whether an array of the user's is what an input of the model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime.contract import Exit
from frazil_runtime.dtypes import BY_NAME
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Tensor

Array = npt.NDArray[Any]


def require_shape(field: str, tensor: Tensor, given: tuple[int, ...]) -> None:
    """FreezeError (INVALID_REQUEST) where an array of this shape cannot be fed to ``tensor``.

    ``field`` is what of the spec the array is from.
    """
    shape = tensor.shape
    fits = shape is None or (
        len(given) == len(shape)
        and all(want in (-1, size) for want, size in zip(shape, given, strict=True))
    )
    if not fits:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{field}: {tensor.name!r} has the shape {list(given)}, the model's input "
            f"has {list(shape or ())} (-1 is any size)",
        )


def cast(field: str, array: Array, tensor: Tensor) -> Array:
    """The array in the input's dtype, texts as UTF-8. FreezeError (INVALID_REQUEST) where that
    would change what it says, as of fractions for whole numbers."""
    if tensor.dtype == "string":
        return texts(array)
    kind = BY_NAME[tensor.dtype].numpy
    if array.dtype.kind in "SUOV" or not np.can_cast(array.dtype, kind, "same_kind"):
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{field}: {tensor.name!r} is {array.dtype}, the model's input is {tensor.dtype}",
        )
    return array.astype(kind)


def texts(array: Array) -> Array:
    """Numpy's text or byte strings as an object array of bytes, as TensorFlow has strings."""
    encoded = np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array
    return np.array(encoded.tolist(), object).reshape(array.shape)
