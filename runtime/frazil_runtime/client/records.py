"""PURE. Arrays as the Open Inference Protocol's JSON has them, from the client's side."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.values import flat, nested

Array = npt.NDArray[Any]
Record = dict[str, Any]

_BASE64: Final = {"content_type": "base64"}
_DATATYPES: Final = {dtype.numpy: dtype.oip for dtype in dtypes.DTYPES}


class AnswerError(ValueError):
    """The server's answer is not of the protocol."""


def request(inputs: Mapping[str, Array], signature: str | None) -> bytes:
    """The body of an infer call; without a name, the default signature is called."""
    record: Record = {"inputs": [_written(name, array) for name, array in inputs.items()]}
    if signature:
        record["parameters"] = {"signature_name": signature}
    return documents.write(record)


def outputs(answer: object) -> dict[str, Array]:
    """The outputs of an answer by name; null is NaN. AnswerError where it is none."""
    try:
        return {record["name"]: _read(record) for record in _outputs(answer)}
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(
            f"the answer is none of the Open Inference Protocol: {error!r}"
        ) from error


def _outputs(answer: object) -> list[Record]:
    found = answer["outputs"] if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise TypeError('"outputs" must be a list')
    return found


def _written(name: str, array: Array) -> Record:
    record: Record = {
        "name": name,
        "shape": list(array.shape),
        "datatype": _DATATYPES[array.dtype],
    }
    if array.dtype != object:
        return record | {"data": nested(array.reshape(-1))}  # with tokens for what is not finite
    try:
        return record | {"data": flat(array)}
    except UnicodeDecodeError:
        texts = [b64encode(text).decode() for text in array.flat]
        return record | {"parameters": _BASE64, "data": texts}


def _read(record: Record) -> Array:
    dtype, data = dtypes.BY_OIP[record["datatype"]], record["data"]
    if not dtype.is_string:
        if dtype.numpy.kind in "fV":
            data = np.array(data, np.float64)  # None becomes NaN
        return np.array(data).astype(dtype.numpy).reshape(record["shape"])
    encoded = record.get("parameters", {}).get("content_type") == _BASE64["content_type"]
    texts = np.empty(len(data), object)
    texts[:] = [b64decode(text) if encoded else text.encode() for text in data]
    return texts.reshape(record["shape"])
