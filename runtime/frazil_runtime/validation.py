"""PURE. A request against its signature, before TensorFlow sees any of it.

TensorFlow aborts the process on some shapes, and checks a feed against its placeholder not at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy.typing as npt

from frazil_runtime import dtypes, texts
from frazil_runtime.errors import invalid
from frazil_runtime.manifest import Manifest, Signature, Tensor

MAX_RANK: Final = 64  # of numpy; tensorflow::TensorShape goes on to 254, and aborts at one more
MAX_ELEMENTS: Final = 2**57  # the byte size of any type (a string's cell has 24) fits int64

Array = npt.NDArray[Any]


def find_signature(manifest: Manifest, name: str) -> Signature:
    """The named signature; the error names those there are."""
    try:
        return manifest.signatures[name]
    except KeyError:
        raise invalid(
            f'Serving signature key "{name}" not found; the model has {_names(manifest.signatures)}'
        ) from None


def check_outputs(signature: Signature, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the outputs to answer with: ``wanted``, or all where it is empty."""
    known = signature.output_names
    for name in wanted:
        if name not in known:
            raise invalid(f'output "{name}" is not in the signature; it has {_names(known)}')
    return wanted or known


def check_names(signature: Signature, names: Iterable[str]) -> None:
    """Raise where ``names`` are not exactly those of the signature's inputs."""
    known, given = signature.input_names, tuple(names)
    if given == known:
        return
    for name in given:
        if name not in known:
            raise invalid(f'input "{name}" is not in the signature; it has {_names(known)}')
    for name in known:
        if name not in given:
            raise invalid(f'input "{name}" is missing; the signature has {_names(known)}')


def check_inputs(signature: Signature, inputs: Mapping[str, Array]) -> list[Array]:
    """The arrays in the signature's feed order, each of the right name, dtype and shape."""
    arrays = check_arrays(signature, inputs)
    check_strings(signature, arrays)
    return arrays


def check_arrays(signature: Signature, inputs: Mapping[str, Array]) -> list[Array]:
    """``check_inputs`` without a look at what strings hold, of which there may be millions."""
    check_names(signature, inputs)
    for tensor in signature.inputs:
        _check(tensor, inputs[tensor.name])
    return [inputs[tensor.name] for tensor in signature.inputs]


def check_strings(signature: Signature, arrays: Iterable[Array]) -> None:
    """Raise where an array of objects, of those in feed order, holds anything but ``bytes``."""
    for tensor, array in zip(signature.inputs, arrays, strict=True):
        if array.dtype != object:
            continue
        for kind in texts.kinds(array) - {bytes}:
            raise invalid(f'input "{tensor.name}" must hold bytes, got {kind.__name__}')


def check_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise where ``shape`` is none that ``tensor`` accepts, or none that can exist."""
    if misfit := _impossible(shape) or _unlike(tensor, shape):
        raise invalid(
            f'input "{tensor.name}" must have shape {_shape(tensor)}, got {list(shape)}: {misfit}'
        )


def _impossible(shape: tuple[int, ...]) -> str:
    """Why TensorFlow would abort at ``shape``; empty where it would not."""
    if min(shape, default=0) < 0:
        return "a dimension is negative"
    if len(shape) > MAX_RANK:
        return f"more than {MAX_RANK} dimensions"
    # A dimension of 0 counts as 1: TensorFlow multiplies in order, and overflows before the 0.
    if math.prod(shape if all(shape) else [size or 1 for size in shape]) > MAX_ELEMENTS:
        return "too many elements"
    return ""


def _unlike(tensor: Tensor, shape: tuple[int, ...]) -> str:
    """What ``shape`` has that ``tensor`` does not take; empty where it does."""
    if tensor.shape is None:
        return ""
    if len(shape) != len(tensor.shape):
        return f"{len(shape)} dimensions instead of {len(tensor.shape)}"
    smallest = tensor.minimum or (0,) * len(shape)
    for axis, (size, fixed, least) in enumerate(zip(shape, tensor.shape, smallest, strict=True)):
        if size != fixed >= 0:
            return f"dimension {axis} is {size} instead of {fixed}"
        if size < least:
            return f"dimension {axis} is {size}, the least is {least}"
    return ""


def _check(tensor: Tensor, array: Array) -> None:
    dtype = dtypes.BY_NAME[tensor.dtype]
    if array.dtype != dtype.numpy:
        raise invalid(f'input "{tensor.name}" must be {tensor.dtype}, got {array.dtype.name}')
    check_shape(tensor, array.shape)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _shape(tensor: Tensor) -> str:
    return "[…]" if tensor.shape is None else str(list(tensor.shape))
