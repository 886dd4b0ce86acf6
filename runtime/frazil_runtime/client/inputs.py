"""What `--input` gives, as the arrays that a signature takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from frazil_runtime import dtypes
from frazil_runtime.client.tables import shape
from frazil_runtime.manifest import Signature, Tensor

Array = npt.NDArray[Any]
Read = Callable[[], bytes]


class InputError(ValueError):
    """An input cannot be used; the message says which, and why."""


def read(texts: Iterable[str], signature: Signature, stdin: Read) -> dict[str, Array]:
    """The arrays by name. Each text is ``name=FILE.npy``, ``name=JSON`` or ``name=-``;
    or, for all inputs at once, ``FILE.npz``, a JSON object, or ``-``: that on stdin.

    Raises InputError.
    """
    wanted = {tensor.name: tensor for tensor in signature.inputs}
    given: dict[str, object] = {}
    for text in texts:
        given |= _given(text, wanted, stdin)
    if unknown := given.keys() - wanted.keys():
        raise InputError(f"no input is called {', '.join(sorted(unknown))}: {_told(signature)}")
    if missing := wanted.keys() - given.keys():
        raise InputError(f"give --input for {', '.join(sorted(missing))}: {_told(signature)}")
    return {name: array_of(tensor, given[name]) for name, tensor in wanted.items()}


def array_of(tensor: Tensor, value: object) -> Array:
    """A nested list or an array as the tensor's dtype has it; nothing is rounded away."""
    dtype = dtypes.BY_NAME.get(tensor.dtype)
    if dtype is None or not dtype.oip:
        raise InputError(f"{tensor.name} is {tensor.dtype}, and JSON has no such number")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{tensor.name}: its lists are of different lengths") from error
    if dtype.is_string:
        return _strings(tensor, array)
    fits = array.size == 0 or _fits(array, dtype.numpy)
    if not fits:
        raise InputError(f"{tensor.name} is {tensor.dtype}, and what is given is {array.dtype}")
    return array.astype(dtype.numpy)


def generated(signature: Signature, rows: int, seed: int) -> dict[str, Array]:
    """Drawn numbers that fit as far as the server tells: free dimensions are 1, the first ``rows``.

    InputError for texts: nobody can draw what a model accepts.
    """
    draw = np.random.default_rng(seed)
    return {tensor.name: _drawn(tensor, rows, draw) for tensor in signature.inputs}


def _given(text: str, wanted: Mapping[str, Tensor], stdin: Read) -> Mapping[str, object]:
    name, separator, value = text.partition("=")
    if separator and (name in wanted or not text.startswith("{")):
        return {name: _value(name, value, stdin)}
    if text.endswith(".npz"):
        with _opened(text) as members:
            return dict(members)
    whole = _json("the inputs", stdin() if text == "-" else text.encode())
    if not isinstance(whole, dict):
        raise InputError(f"an input is NAME=FILE.npy, NAME=JSON, FILE.npz or a JSON object: {text}")
    return whole


def _value(name: str, text: str, stdin: Read) -> object:
    if text == "-":
        return _json(name, stdin())
    if text.endswith(".npy"):
        return _opened(text)
    if text.endswith(".npz"):
        with _opened(text) as members:
            if name not in members:
                raise InputError(f"{text} holds no {name}: it has {', '.join(members)}")
            return members[name]
    return _json(name, text.encode())


def _opened(file: str) -> Any:
    try:
        return np.load(Path(file), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error


def _json(what: str, text: bytes) -> object:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{what}: neither a file .npy or .npz nor JSON ({error})") from error
    return value


def _fits(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whole numbers fit where each is the same afterwards, others as numpy's "same kind"."""
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return bool(limits.min <= int(array.min()) and int(array.max()) <= limits.max)
    if array.dtype.kind == "b" or dtype.kind == "b":
        return array.dtype.kind == dtype.kind
    if dtype.kind == "V":  # bfloat16
        return array.dtype.kind in "iuf" or array.dtype == dtype
    return np.can_cast(array.dtype, dtype, "same_kind")


def _strings(tensor: Tensor, array: Array) -> Array:
    texts = np.empty(array.size, object)
    for place, text in enumerate(array.ravel().tolist()):
        if not isinstance(text, str | bytes):
            raise InputError(f"{tensor.name} is text, and what is given is {type(text).__name__}")
        texts[place] = text.encode() if isinstance(text, str) else text
    return texts.reshape(array.shape)


def _drawn(tensor: Tensor, rows: int, draw: np.random.Generator) -> Array:
    if dtypes.BY_NAME[tensor.dtype].is_string:
        raise InputError(f"{tensor.name} is text: give it with --input")
    first, *rest = tensor.shape or (-1,)
    sizes = (rows if first < 0 else first, *(1 if size < 0 else size for size in rest))
    numbers = draw.random(() if tensor.shape == () else sizes)
    dtype = dtypes.BY_NAME[tensor.dtype].numpy
    return (numbers if dtype.kind in "fVc" else np.round(numbers)).astype(dtype)


def _told(signature: Signature) -> str:
    return "it takes " + ", ".join(f"{t.name} ({t.dtype} {shape(t)})" for t in signature.inputs)
