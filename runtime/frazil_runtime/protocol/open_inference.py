"""The Open Inference Protocol v2 over REST: the infer call.

Documents as of KServe's docs/predict-api/v2 (required_api.md, rest_predict_v2.yaml), and Triton's
binary tensor extension: behind the JSON, the tensors' bytes in the order in which it names them.
Two things are ours to choose, since the protocol is silent: a model's further signatures are called
with the request parameter ``signature_name``, and byte strings that are no UTF-8 travel in base64,
marked by the tensor's parameter ``content_type`` (see ``contents``).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from frazil_runtime import dtypes
from frazil_runtime.contract.accuracy import ID_PARAMETER
from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.protocol import contents, documents, parameters
from frazil_runtime.protocol.raw import from_raw, to_raw
from frazil_runtime.protocol.tensors import from_flat
from frazil_runtime.protocol.values import flat
from frazil_runtime.request_signatures import or_images, sent_as
from frazil_runtime.requests import Array, Body, InferRequest
from frazil_runtime.validation import check_names, find_signature

_BASE64: Final = {"content_type": contents.BASE64}
_DATATYPES: Final = {dtype.numpy: dtype.oip for dtype in dtypes.DTYPES}
_NAMES: Final[dict[type, str]] = {dict: "an object", list: "a list", str: "text"}

T = TypeVar("T")
Record = dict[str, Any]


class Infer(NamedTuple):
    """A decoded call; ``id`` is the client's, None where it sent none.

    ``binary`` says of outputs whether they are wanted as binary data, and ``binary_default`` of
    those that it does not name.
    """

    request: InferRequest
    id: str | None
    binary: Mapping[str, bool]
    binary_default: bool


def decode(body: Body, manifest: Manifest, json_bytes: int | None = None) -> Infer:
    """Read ``{"id"?, "parameters"?, "inputs": [tensor…], "outputs"?: [{"name"}…]}``.

    The first ``json_bytes`` of the body are the document, the others binary data; None: it is all
    document, and no input can be binary. A field that is null is as good as absent: some clients
    write so what they do not set.
    """
    text, rest = _split(body, json_bytes)
    document = _typed(documents.parse(text), dict, "the request")
    of_call = parameters.read(_field(document, "parameters", dict, {}))
    name = of_call.signature or manifest.default_signature
    binary = _outputs(_field(document, "outputs", list, []), of_call.binary)
    sent = _field(document, "inputs", list)
    request = InferRequest(
        signature=name,
        inputs=_inputs(find_signature(manifest, name), sent, rest, of_call.content_type),
        outputs=tuple(binary),
        timeout=of_call.timeout,
        priority=of_call.priority,
    )
    return Infer(request, _field(document, "id", str, None), binary, of_call.binary)


def encode(
    call: Infer,
    outputs: Mapping[str, Array],
    *,
    model: str,
    version: str,
    prediction_id: str = "",
) -> tuple[bytes, int | None]:
    """Write the answer; where it has binary data, also how many bytes of it are the document.

    A ``prediction_id`` is one of the answer's parameters.
    Data in JSON is flat, in row-major order; a float that is not finite is null.
    """
    record: Record = {"model_name": model, "model_version": version}
    if call.id is not None:
        record["id"] = call.id
    if prediction_id:
        record["parameters"] = {ID_PARAMETER: prediction_id}
    chunks: list[bytes] = []
    record["outputs"] = [
        _binary_output(name, array, chunks)
        if call.binary.get(name, call.binary_default)
        else _output(name, array)
        for name, array in outputs.items()
    ]
    text = documents.write(record)
    return (b"".join((text, *chunks)), len(text)) if chunks else (text, None)


def _split(body: Body, json_bytes: int | None) -> tuple[Body, memoryview | None]:
    if json_bytes is None:
        return body, None
    if json_bytes > len(body):
        raise invalid(
            f"Inference-Header-Content-Length is {json_bytes}, but the body has {len(body)} bytes"
        )
    return body[:json_bytes], memoryview(body).toreadonly()[json_bytes:]


def _outputs(sent: list[Any], default: bool) -> dict[str, bool]:
    """The outputs asked for, and whether each is wanted as binary data."""
    wanted = {}
    for output in sent:
        record = _typed(output, dict, "an output")
        own = _field(record, "parameters", dict, {})
        wanted[_field(record, "name", str)] = parameters.wants_binary(own, default)
    return wanted


def _inputs(
    signature: Signature, sent: list[Any], rest: memoryview | None, content_type: str
) -> dict[str, Array]:
    records: dict[str, Record] = {}
    for item in sent:
        record = _typed(item, dict, "an input")
        name = _field(record, "name", str)
        if name in records:
            raise invalid(f'input "{name}" is sent twice')
        records[name] = record
    check_names(signature, records)
    raws = _raws(records, rest)
    return {
        tensor.name: _input(tensor, records[tensor.name], raws.get(tensor.name), content_type)
        for tensor in signature.inputs
    }


def _raws(records: Mapping[str, Record], rest: memoryview | None) -> dict[str, memoryview]:
    """Each binary input's own bytes: they follow each other without a gap, to the body's end."""
    raws: dict[str, memoryview] = {}
    at, end = 0, 0 if rest is None else rest.nbytes
    for name, record in records.items():
        size = parameters.binary_size(_field(record, "parameters", dict, {}))
        if size is None:
            continue
        if rest is None:
            raise invalid(
                f'input "{name}" has a binary_data_size, but the request has no '
                "Inference-Header-Content-Length: that header says where the binary data begins"
            )
        if size > end - at:
            raise invalid(
                f'input "{name}" has a binary_data_size of {size}, but {end - at} bytes are left '
                f"of the request's {end} bytes of binary data"
            )
        raws[name] = rest[at : at + size]
        at += size
    if at < end:
        last = f'after input "{[*raws][-1]}"' if raws else "that no input claims"
        raise invalid(f"the request has {end - at} bytes of binary data {last}")
    return raws


def _input(tensor: Tensor, record: Record, raw: memoryview | None, content_type: str) -> Array:
    datatype = _field(record, "datatype", str)
    alternative = or_images(tensor)
    tensor = sent_as(tensor, strings=datatype == "BYTES")
    expected = dtypes.BY_NAME[tensor.dtype].oip
    if datatype != expected:
        raise invalid(
            f'input "{tensor.name}" has datatype {expected or "none"} ({tensor.dtype})'
            f"{alternative}, got {dtypes.named(datatype)}"
        )
    shape = _shape(tensor, _field(record, "shape", list))
    if (record.get("data") is not None) == (raw is not None):
        raise invalid(
            f'input "{tensor.name}" must have either "data" or the parameter "binary_data_size"'
        )
    own = parameters.content_type(_field(record, "parameters", dict, {}), content_type)
    if raw is not None:
        return contents.read(tensor, from_raw(tensor, shape, raw), own)
    return contents.read(tensor, from_flat(tensor, shape, record["data"]), own)


def _shape(tensor: Tensor, sizes: list[Any]) -> tuple[int, ...]:
    if not {int}.issuperset(map(type, sizes)):
        raise invalid(f'input "{tensor.name}" has a shape that is no list of whole numbers')
    return tuple(sizes)


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


def _binary_output(name: str, array: Array, chunks: list[bytes]) -> Record:
    """The output's record; its data goes behind the ``chunks`` that there are."""
    if not _DATATYPES[array.dtype]:
        raise InferenceError(
            Code.UNIMPLEMENTED,
            f'output "{name}" is {array.dtype.name}, and the protocol has no such datatype',
        )
    raw = to_raw(array)
    chunks.append(raw)
    return {
        "name": name,
        "shape": array.shape,
        "datatype": _DATATYPES[array.dtype],
        "parameters": {"binary_data_size": len(raw)},
    }


class _Required:
    """Marks a field that has no default."""


def _field(record: Record, key: str, kind: type[T], default: Any = _Required) -> T:
    if (value := record.get(key)) is not None:
        return _typed(value, kind, f'"{key}"')
    if default is _Required:
        raise invalid(f'"{key}" is missing{_place(record)}')
    fallback: T = default
    return fallback


def _place(record: Record) -> str:
    """Which tensor it is, if it has said so."""
    name = record.get("name")
    return f' in "{name}"' if type(name) is str else ""


def _typed(value: Any, kind: type[T], what: str) -> T:
    if type(value) is not kind:
        raise invalid(f"{what} must be {_NAMES[kind]}, got {documents.kind(value)}")
    return value
