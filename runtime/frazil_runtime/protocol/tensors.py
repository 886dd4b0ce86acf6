"""Arrays from what JSON has: numbers, text and nested lists.

Nothing is allocated from a shape that a client claims, only from the values it sent.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, TypeGuard

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.dtypes import DType
from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.protocol.numbers import Numbers
from frazil_runtime.request_signatures import sent_as
from frazil_runtime.uris import Uri
from frazil_runtime.validation import check_shape

Array = npt.NDArray[Any]
Leaves = list[Any] | Array  # of rank 1; arrays are int64, uint64 or float64
Regular = Array | Numbers  # what documents have for a regular list of numbers

REGULAR: Final = (np.ndarray, Numbers)

# What JSON's types become in Python, by numpy's kind. A bool is no number here, nor 1.0 an integer.
_ACCEPTED: Final[dict[str, frozenset[type]]] = {
    "f": frozenset((int, float)),
    "i": frozenset((int,)),
    "u": frozenset((int,)),
    "b": frozenset((bool,)),
}
_FITTING: Final = {"f": "iuf", "i": "iu", "u": "iu", "b": "", "O": ""}  # likewise, of arrays' kinds
_JSON_NAMES: Final = {
    type(None): "Null",
    bool: "Bool",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number with a fraction or an exponent",
}


def from_nested(tensor: Tensor, value: object) -> Array:
    """The array of a value in lists nested as deep as the tensor's rank; a bare value has rank 0.

    Strings are text (taken as UTF-8) or ``{"b64": text}``, and become ``bytes``; ``{"uri": text}``
    becomes a ``Uri``. An image input holds images where its first element is a string of any kind.
    """
    if type(value) is np.ndarray:
        tensor = sent_as(tensor, strings=False)
        check_shape(tensor, value.shape)
        return _piece(tensor, value.reshape(-1)).reshape(value.shape)
    tensor = sent_as(tensor, strings=_begins_with_string(value))
    shape, pieces = _flatten(tensor, value)
    check_shape(tensor, shape)
    return _array(tensor, shape, pieces)


def from_flat(tensor: Tensor, shape: tuple[int, ...], value: object) -> Array:
    """The array of ``shape`` whose elements are listed in row-major order, flat or nested."""
    check_shape(tensor, shape)
    sent, pieces = _flatten(tensor, value)
    if sent != shape and sent != (math.prod(shape),):
        raise invalid(
            f'input "{tensor.name}" has shape {list(shape)}, that is {math.prod(shape)} elements, '
            f"but its data has shape {list(sent)}"
        )
    return _array(tensor, shape, pieces)


def is_uri(value: object) -> TypeGuard[dict[str, str]]:
    """Whether a JSON value is ``{"uri": text}`` and nothing else: bytes that lie elsewhere."""
    return type(value) is dict and len(value) == 1 and type(value.get("uri")) is str


def is_b64(value: object) -> TypeGuard[dict[str, str]]:
    """Whether a JSON value is ``{"b64": text}`` and nothing else: bytes, not an object."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def _begins_with_string(value: object) -> bool:
    """Whether the first element is a string of any kind; of none at all, too."""
    while type(value) is list and value:
        value = value[0]
    return type(value) in (str, dict, list)


def _flatten(tensor: Tensor, value: object) -> tuple[tuple[int, ...], Iterable[Leaves]]:
    """The shape of nested lists, and the values in them, in one piece or in many."""
    if type(value) is np.ndarray:
        return value.shape, (value.reshape(-1),)
    shape: list[int] = []
    level: list[Any] = [value]
    while True:
        kinds = set(map(type, level))
        if not kinds.isdisjoint(REGULAR):
            if kinds.issubset(REGULAR) and len(inner := {item.shape for item in level}) == 1:
                return (*shape, *inner.pop()), chain.from_iterable(map(_pieces, level))
            level = [item.tolist() if isinstance(item, REGULAR) else item for item in level]
        elif list in kinds:
            shape.append(_common_length(tensor, level, len(shape)))
            level = list(chain.from_iterable(level))
        else:
            return tuple(shape), (level,)


def _pieces(numbers: Regular) -> Iterable[Leaves]:
    return numbers.pieces() if isinstance(numbers, Numbers) else (numbers.reshape(-1),)


def _common_length(tensor: Tensor, level: list[Any], depth: int) -> int:
    """How long each of the lists at a level is: they must be equally long, and all lists."""
    for item in level:
        if type(item) is not list:
            raise invalid(
                f'input "{tensor.name}" is ragged: JSON Value of Type: {_JSON_NAMES[type(item)]} '
                f"found at incorrect level: {depth + 1}, beside lists"
            )
    expected = len(level[0])
    if len(lengths := set(map(len, level))) > 1:
        raise invalid(
            f'input "{tensor.name}" is ragged: Encountered list at unexpected size: '
            f"{(lengths - {expected}).pop()} at level: {depth} expected size: {expected}"
        )
    return expected


def _array(tensor: Tensor, shape: tuple[int, ...], pieces: Iterable[Leaves]) -> Array:
    arrays = [_piece(tensor, piece) for piece in pieces]
    array = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return array.reshape(shape)


def _piece(tensor: Tensor, leaves: Leaves) -> Array:
    """The values as an array of rank 1."""
    dtype = dtypes.BY_NAME[tensor.dtype]
    if dtype.is_string and isinstance(leaves, list):
        return np.array([_bytes(tensor, leaf) for leaf in leaves], dtype.numpy)
    kind = "f" if dtype.numpy.kind == "V" else dtype.numpy.kind  # bfloat16
    if kind == "c":
        raise InferenceError(
            Code.UNIMPLEMENTED,
            f'input "{tensor.name}" is {dtype.name}, and JSON has no such number',
        )
    for leaf in _misfits(kind, leaves):
        raise _type_error(tensor, leaf)
    try:
        return _floats(dtype, leaves) if kind == "f" else _integers(dtype, leaves)
    except (OverflowError, FloatingPointError):
        raise invalid(
            f'input "{tensor.name}" has a number beyond the range of {dtype.name}'
        ) from None


def _misfits(kind: str, leaves: Leaves) -> Sequence[Any]:
    """The values of a type that is none for numpy's ``kind``."""
    if isinstance(leaves, list):
        accepted = _ACCEPTED[kind]
        if accepted.issuperset(map(type, leaves)):
            return ()
        return [leaf for leaf in leaves if type(leaf) not in accepted]
    if leaves.dtype.kind in _FITTING[kind]:
        return ()
    # One number with a fraction makes floats of all beside it: it is the one to be told of.
    fractions = leaves[leaves != np.floor(leaves)]
    return [number.item() for number in (fractions if fractions.size else leaves)[:1]]


def _integers(dtype: DType, leaves: Leaves) -> Array:
    """Whole numbers, or truths."""
    if isinstance(leaves, list):
        return np.array(leaves, dtype.numpy)
    limits = np.iinfo(dtype.name)  # numpy's name is the same
    if leaves.min() < limits.min or leaves.max() > limits.max:
        raise OverflowError
    return leaves.astype(dtype.numpy)


def _floats(dtype: DType, leaves: Leaves) -> Array:
    with np.errstate(over="raise"):
        wide = np.asarray(leaves, np.float64)
        if dtype.numpy.kind != "V":
            return wide.astype(dtype.numpy, copy=False)
        wide = wide.astype(np.float32)
    narrow = wide.astype(dtype.numpy)
    if not np.array_equal(np.isinf(narrow), np.isinf(wide)):  # bfloat16 raises no overflow
        raise OverflowError
    return narrow


def _bytes(tensor: Tensor, leaf: object) -> bytes:
    if type(leaf) is str:
        return leaf.encode()
    if is_uri(leaf):
        return Uri(leaf["uri"])  # type: ignore[return-value]  # until the engine has fetched it
    if not is_b64(leaf):
        raise _type_error(tensor, leaf)
    text = leaf["b64"]
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f'input "{tensor.name}": Unable to base64 decode a "b64"') from None


def _type_error(tensor: Tensor, leaf: object) -> InferenceError:
    return invalid(
        f'input "{tensor.name}": JSON Value of Type: {_JSON_NAMES[type(leaf)]} '
        f"is not of expected type: {tensor.dtype}"
    )
