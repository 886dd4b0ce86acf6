"""TensorFlow Serving's REST API v1: the predict call.

Documents and texts as of tensorflow_serving/g3doc/api_rest.md and util/json_tensor.cc. Where its
errors repeat the client's document, these do not: what is sent may be nobody else's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from frazil_runtime.errors import InferenceError, invalid
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.tensors import REGULAR, Regular, from_nested, is_b64, is_uri
from frazil_runtime.protocol.values import nested, nested_rows
from frazil_runtime.requests import Array, Body, InferRequest
from frazil_runtime.validation import check_names, find_signature

_BYTES_SUFFIX: Final = "_bytes"  # outputs so named are binary and travel as {"b64": …}


class Predict(NamedTuple):
    """A decoded call; ``rows``: it came, and is answered, row by row (``instances``)."""

    request: InferRequest
    rows: bool


def decode(body: Body, manifest: Manifest) -> Predict:
    """Read ``{"signature_name"?, "instances": […]}`` or ``{"signature_name"?, "inputs": …}``."""
    document, name = read_document(body, manifest)
    signature = find_signature(manifest, name)
    rows = "instances" in document
    if rows is ("inputs" in document):
        if not rows:
            raise invalid("Missing 'inputs' or 'instances' key")
        raise malformed(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if rows:
        inputs = _from_rows(signature, _instances(document["instances"]))
    else:
        inputs = _from_columns(signature, document["inputs"])
    return Predict(InferRequest(name, inputs), rows)


def encode(call: Predict, outputs: Mapping[str, Array]) -> bytes:
    """Write ``{"predictions": …}`` for rows, else ``{"outputs": …}``; a sole output has no name.

    NaN, Infinity and -Infinity are written as such, which strict readers of JSON refuse.
    """
    if call.rows:
        return b'{"predictions":%s}' % documents.write(_to_rows(outputs))
    values = {name: nested(array, as_b64=_is_binary(name)) for name, array in outputs.items()}
    return documents.write({"outputs": values if len(values) > 1 else next(iter(values.values()))})


def read_document(body: Body, manifest: Manifest) -> tuple[dict[str, Any], str]:
    """The object in ``body``, and which signature it calls: the default one unless it says."""
    document = documents.parse(body)
    if type(document) is not dict:
        raise malformed("Is not object")
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise malformed("not formatted correctly. 'signature_name' key must be a string value.")
    return document, name or manifest.default_signature


def malformed(what: str) -> InferenceError:
    """TensorFlow Serving's words for a document that is not what a call wants, to be raised."""
    return invalid(f"JSON Value: {what}")


def _instances(instances: object) -> list[Any] | Regular:
    if isinstance(instances, REGULAR):
        return instances
    if type(instances) is not list:
        raise malformed("Expecting 'instances' to be an list/array")
    if not instances:
        raise malformed("No values in 'instances' array")
    return instances


def _from_rows(signature: Signature, instances: list[Any] | Regular) -> dict[str, Array]:
    """The rows of the sole input, or for each instance an object with every input's row."""
    if isinstance(instances, REGULAR) or not _is_object(instances[0]):
        if len(signature.inputs) != 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple "
                "input tensors required as per tensorinfo_map"
            )
        return {signature.inputs[0].name: from_nested(signature.inputs[0], instances)}
    names = {tensor.name for tensor in signature.inputs}
    for at, instance in enumerate(instances):
        if type(instance) is not dict:
            raise invalid(f"Expecting object but got list at item {at} of input list")
        if instance.keys() != names:
            raise invalid(
                f"Failed to process element: {at} of 'instances' list. JSON object's "
                f"keys must be equal to: {','.join(sorted(names))}"
            )
    return {
        tensor.name: from_nested(tensor, [instance[tensor.name] for instance in instances])
        for tensor in signature.inputs
    }


def _from_columns(signature: Signature, value: Any) -> dict[str, Array]:
    """Each input by its name, or the sole input bare."""
    if not _is_object(value):
        if len(signature.inputs) != 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        return {signature.inputs[0].name: from_nested(signature.inputs[0], value)}
    for tensor in signature.inputs:
        if tensor.name not in value:
            raise invalid(f"Missing named input: {tensor.name} in 'inputs' object.")
    check_names(signature, value)
    return {tensor.name: from_nested(tensor, value[tensor.name]) for tensor in signature.inputs}


def _to_rows(outputs: Mapping[str, Array]) -> Any:
    """The outputs' rows beside each other: they must be equally many."""
    expected = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if expected not in (-1, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} "
                f"expecting: {expected}"
            )
        expected = len(array)
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return nested(array, as_b64=_is_binary(name))
    columns = [nested_rows(array, as_b64=_is_binary(name)) for name, array in outputs.items()]
    return documents.long_list(
        [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]
    )


def _is_object(value: object) -> bool:
    return type(value) is dict and not is_b64(value) and not is_uri(value)


def _is_binary(name: str) -> bool:
    return name.endswith(_BYTES_SUFFIX)
