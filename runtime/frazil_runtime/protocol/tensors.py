"""Tensors as JSON has them (numbers, text and nested lists) and as numpy has them.

Nothing is allocated from a shape that a client claims, only from the values it sent.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode, b64encode
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeGuard

import numpy as np
import numpy.typing as npt
import orjson

from frazil_runtime import dtypes
from frazil_runtime.dtypes import DType
from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.protocol.documents import echo, write
from frazil_runtime.validation import check_shape

Array = npt.NDArray[Any]

# What JSON's types become in Python, by numpy's kind. A bool is no number here, nor 1.0 an integer.
_ACCEPTED: Final[dict[str, frozenset[type]]] = {
    "f": frozenset((int, float)),
    "i": frozenset((int,)),
    "u": frozenset((int,)),
    "b": frozenset((bool,)),
}
_JSON_NAMES: Final = {
    type(None): "Null",
    bool: "Bool",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def from_nested(tensor: Tensor, value: object) -> Array:
    """The array of a value in lists nested as deep as the tensor's rank; a bare value has rank 0.

    Strings are text (taken as UTF-8) or ``{"b64": text}``, and become ``bytes``.
    """
    shape, leaves = _flatten(tensor, value)
    check_shape(tensor, shape)
    return _array(tensor, leaves).reshape(shape)


def from_flat(tensor: Tensor, shape: tuple[int, ...], value: object) -> Array:
    """The array of ``shape`` whose elements are listed in row-major order, flat or nested."""
    check_shape(tensor, shape)
    sent, leaves = _flatten(tensor, value)
    if sent != shape and sent != (math.prod(shape),):
        raise invalid(
            f'input "{tensor.name}" has shape {list(shape)}, that is {math.prod(shape)} elements, '
            f"but its data has shape {list(sent)}"
        )
    return _array(tensor, leaves).reshape(shape)


def is_b64(value: object) -> TypeGuard[dict[str, str]]:
    """Whether a JSON value is ``{"b64": text}`` and nothing else: bytes, not an object."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def nested(array: Array, *, as_b64: bool = False) -> object:
    """What JSON says for ``array``, for ``documents.write``; NaN and the infinities are tokens.

    Strings are text; with ``as_b64``, and where they are not UTF-8, they are ``{"b64": text}``.
    """
    plain = _plain(array, as_b64=as_b64)
    return plain if _is_finite(plain) else _with_tokens(plain)


def nested_rows(array: Array, *, as_b64: bool = False) -> Sequence[object]:
    """``nested`` of each row of an array of rank 1 or more."""
    plain = _plain(array, as_b64=as_b64)
    return list(plain) if _is_finite(plain) else [_with_tokens(row) for row in plain]


def flat(array: Array) -> object:
    """The elements in row-major order, for ``documents.write``; what is not finite is null.

    Strings are text; ValueError (a UnicodeDecodeError) where one is not UTF-8.
    """
    array = array.reshape(-1)
    return [text.decode() for text in array] if array.dtype == object else _numbers(array)


def _flatten(tensor: Tensor, value: object) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists, and the values in them; the lists of a level are equally long."""
    shape: list[int] = []
    level: list[Any] = [value]
    while list in (kinds := set(map(type, level))):
        if len(kinds) > 1:
            stray = next(item for item in level if type(item) is not list)
            raise invalid(
                f'input "{tensor.name}" is ragged: JSON Value: {echo(stray)} found at incorrect '
                f"level: {len(shape) + 1}, beside lists"
            )
        expected = len(level[0])
        if len(sizes := set(map(len, level))) > 1:
            raise invalid(
                f'input "{tensor.name}" is ragged: Encountered list at unexpected size: '
                f"{(sizes - {expected}).pop()} at level: {len(shape)} expected size: {expected}"
            )
        shape.append(expected)
        level = list(chain.from_iterable(level))
    return tuple(shape), level


def _array(tensor: Tensor, leaves: list[Any]) -> Array:
    """The values as an array of rank 1."""
    dtype = dtypes.BY_NAME[tensor.dtype]
    if dtype.is_string:
        return np.array([_bytes(tensor, leaf) for leaf in leaves], dtype.numpy)
    if dtype.numpy.kind == "c":
        raise InferenceError(
            Code.UNIMPLEMENTED,
            f'input "{tensor.name}" is {dtype.name}, and JSON has no such number',
        )
    accepted = _ACCEPTED.get(dtype.numpy.kind, _ACCEPTED["f"])  # bfloat16 is of kind V
    if not accepted.issuperset(map(type, leaves)):
        raise _type_error(tensor, next(leaf for leaf in leaves if type(leaf) not in accepted))
    try:
        return _number_array(dtype, leaves)
    except (OverflowError, FloatingPointError):
        raise invalid(
            f'input "{tensor.name}" has a number beyond the range of {dtype.name}'
        ) from None


def _number_array(dtype: DType, leaves: list[Any]) -> Array:
    with np.errstate(over="raise"):
        if dtype.numpy.kind != "V":
            return np.array(leaves, dtype.numpy)
        wide = np.array(leaves, np.float32)
    narrow = wide.astype(dtype.numpy)
    if not np.array_equal(np.isinf(narrow), np.isinf(wide)):  # bfloat16 raises no overflow
        raise OverflowError
    return narrow


def _bytes(tensor: Tensor, leaf: object) -> bytes:
    if type(leaf) is str:
        return leaf.encode()
    if not is_b64(leaf):
        raise _type_error(tensor, leaf)
    text = leaf["b64"]
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f'input "{tensor.name}": Unable to base64 decode {echo(text)}') from None


def _plain(array: Array, *, as_b64: bool) -> Any:
    """What orjson can write: numbers as a contiguous array, strings as nested lists."""
    if array.dtype != object:
        return _numbers(array)
    texts = np.empty(array.size, object)
    texts[:] = [_text(element, as_b64=as_b64) for element in array.flat]
    return texts.reshape(array.shape).tolist()


def _numbers(array: Array) -> Array:
    """In C order and of a type that orjson writes; a rank of 0 makes it a numpy scalar."""
    if array.dtype.kind == "c":
        raise InferenceError(
            Code.UNIMPLEMENTED, f"an output is {array.dtype.name}, and JSON has no such number"
        )
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    return array.copy(order="C")[()] if not array.flags.c_contiguous else array[()]


def _text(element: bytes, *, as_b64: bool) -> str | dict[str, str]:
    if not as_b64:
        try:
            return element.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": b64encode(element).decode()}


def _is_finite(plain: Any) -> bool:
    if isinstance(plain, np.ndarray | np.generic) and plain.dtype.kind == "f":
        return bool(np.isfinite(plain).all())
    return True


def _with_tokens(numbers: Array) -> orjson.Fragment:
    """The array as text in which each number that is not finite stands as its token."""
    gaps = np.asarray(numbers)[~np.isfinite(numbers)].tolist()
    tokens = map(_token, gaps)
    first, *rest = write(numbers).split(b"null")
    return orjson.Fragment(b"".join(chain((first,), *zip(tokens, rest, strict=True))))


def _token(number: float) -> bytes:
    if math.isnan(number):
        return b"NaN"
    return b"Infinity" if number > 0 else b"-Infinity"


def _type_error(tensor: Tensor, leaf: object) -> InferenceError:
    kind = _JSON_NAMES[type(leaf)]
    return invalid(
        f'input "{tensor.name}": JSON Value: {echo(leaf)} Type: {kind} '
        f"is not of expected type: {tensor.dtype}"
    )
