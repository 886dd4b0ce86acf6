"""PURE. A request that a person can paste, in TensorFlow Serving's REST protocol."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime.manifest import Signature
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.values import nested

Array = npt.NDArray[Any]

LONG: Final = 1000  # characters of a body that a person still pastes
_DIGITS: Final = 4


def body(signature: Signature, sample: Mapping[str, Array]) -> bytes:
    """``{"inputs": {name: values}}`` of the sample's first row, where rows are independent.

    Numbers are cut to four digits. InferenceError where JSON has no such numbers.
    """
    inputs = {
        name: _first(array) if signature.batchable else array for name, array in sample.items()
    }
    return documents.write({"inputs": {n: nested(_rounded(a)) for n, a in inputs.items()}})


def command(url: str, model: str, data: str) -> str:
    """The curl for ``data``: a body, or @ and the file that holds it."""
    return f"curl {url}/v1/models/{model}:predict -d {shlex.quote(data)}"


def _first(array: Array) -> Array:
    return array[:1] if array.ndim else array


def _rounded(array: Array) -> Array:
    if array.dtype.kind != "f":
        return array
    texts = [f"{number:.{_DIGITS}g}" for number in array.ravel().tolist()]
    return (
        np.array([float(text) for text in texts], np.float64)
        .astype(array.dtype)
        .reshape(array.shape)
    )
