"""The Open Inference Protocol v2 in JSON: the infer call.

Documents as of KServe's docs/predict-api/v2 (required_api.md, rest_predict_v2.yaml). Two things are
ours to choose, since the protocol is silent: a model's further signatures are called with the
request parameter ``signature_name``, and byte strings that are no UTF-8 travel in base64, marked by
the tensor's parameter ``content_type`` as MLServer has it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from frazil_runtime import dtypes
from frazil_runtime.engine import Array, InferRequest
from frazil_runtime.errors import invalid
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.tensors import from_flat
from frazil_runtime.protocol.values import flat
from frazil_runtime.validation import check_names, find_signature

_BASE64: Final = {"content_type": "base64"}
_DATATYPES: Final = {dtype.numpy: dtype.oip for dtype in dtypes.DTYPES}
_NAMES: Final[dict[type, str]] = {dict: "an object", list: "a list", str: "text"}

T = TypeVar("T")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Infer:
    """A decoded call; ``id`` is the client's, None where it sent none."""

    request: InferRequest
    id: str | None


def decode(body: bytes, manifest: Manifest) -> Infer:
    """Read ``{"id"?, "parameters"?, "inputs": [tensor…], "outputs"?: [{"name"}…]}``.

    A field that is null is as good as absent: some clients write so what they do not set.
    """
    document = _typed(documents.parse(body), dict, "the request")
    parameters = _field(document, "parameters", dict, {})
    name = _field(parameters, "signature_name", str, manifest.default_signature)
    request = InferRequest(
        signature=name,
        inputs=_inputs(find_signature(manifest, name), _field(document, "inputs", list)),
        outputs=tuple(
            _field(_typed(output, dict, "an output"), "name", str)
            for output in _field(document, "outputs", list, [])
        ),
    )
    return Infer(request, _field(document, "id", str, None))


def encode(call: Infer, outputs: Mapping[str, Array], *, model: str, version: str) -> bytes:
    """Write the answer. Data is flat, in row-major order; a float that is not finite is null."""
    record: Record = {"model_name": model, "model_version": version}
    if call.id is not None:
        record["id"] = call.id
    record["outputs"] = [_output(name, array) for name, array in outputs.items()]
    return documents.write(record)


def _inputs(signature: Signature, sent: list[Any]) -> dict[str, Array]:
    records: dict[str, Record] = {}
    for item in sent:
        record = _typed(item, dict, "an input")
        name = _field(record, "name", str)
        if name in records:
            raise invalid(f'input "{name}" is sent twice')
        records[name] = record
    check_names(signature, records)
    return {tensor.name: _input(tensor, records[tensor.name]) for tensor in signature.inputs}


def _input(tensor: Tensor, record: Record) -> Array:
    datatype = _field(record, "datatype", str)
    expected = dtypes.BY_NAME[tensor.dtype].oip
    if datatype != expected:
        raise invalid(
            f'input "{tensor.name}" has datatype {expected or "none"} ({tensor.dtype}), '
            f"got {documents.echo(datatype)}"
        )
    if record.get("data") is None:
        raise invalid(f'input "{tensor.name}" has no "data": tensors are read as JSON only')
    array = from_flat(tensor, _shape(tensor, _field(record, "shape", list)), record["data"])
    parameters = _field(record, "parameters", dict, {})
    if expected == "BYTES" and parameters.get("content_type") == _BASE64["content_type"]:
        decoded = [_from_base64(tensor, text) for text in array.flat]
        return np.array(decoded, object).reshape(array.shape)
    return array


def _shape(tensor: Tensor, sizes: list[Any]) -> tuple[int, ...]:
    if not {int}.issuperset(map(type, sizes)):
        raise invalid(f'input "{tensor.name}" has a shape that is no list of whole numbers')
    return tuple(sizes)


def _from_base64(tensor: Tensor, text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise invalid(f'input "{tensor.name}" is not base64') from None


def _output(name: str, array: Array) -> Record:
    record: Record = {
        "name": name,
        "shape": array.shape,
        "datatype": _DATATYPES[array.dtype],
    }
    try:
        record["data"] = flat(array)
    except UnicodeDecodeError:
        record["parameters"] = _BASE64
        record["data"] = [b64encode(text).decode() for text in array.flat]
    return record


class _Required:
    """Marks a field that has no default."""


def _field(record: Record, key: str, kind: type[T], default: Any = _Required) -> T:
    if (value := record.get(key)) is not None:
        return _typed(value, kind, f'"{key}"')
    if default is _Required:
        raise invalid(f'"{key}" is missing in {documents.echo(record)}')
    fallback: T = default
    return fallback


def _typed(value: Any, kind: type[T], what: str) -> T:
    if type(value) is not kind:
        raise invalid(f"{what} must be {_NAMES[kind]}, got {documents.echo(value)}")
    return value
