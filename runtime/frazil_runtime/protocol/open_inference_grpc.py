"""The Open Inference Protocol over gRPC: the infer call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from frazil_runtime import dtypes
from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.manifest import Signature, Tensor
from frazil_runtime.protocol import contents, parameters, typed
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.protocol.raw import from_raw, to_raw
from frazil_runtime.request_signatures import or_images, sent_as
from frazil_runtime.requests import Array, InferRequest, InferResponse
from frazil_runtime.validation import check_names, check_shape, find_signature

REQUEST: Final = message_class("inference.ModelInferRequest")
_RESPONSE: Final = message_class("inference.ModelInferResponse")


@dataclass(frozen=True, slots=True)
class Infer:
    """A decoded call; ``id`` is the client's, ``raw``: it came in raw bytes, and is so answered."""

    model: ModelInfo
    request: InferRequest
    id: str
    raw: bool

    @property
    def requests(self) -> tuple[InferRequest]:
        """What the engine is asked."""
        return (self.request,)


def decode(message: Message, model: ModelInfo) -> Infer:
    """Read a ``ModelInferRequest``."""
    asked = parameters.read(_plain(message.parameters))
    name = asked.signature or model.manifest.default_signature
    signature = find_signature(model.manifest, name)
    request = InferRequest(
        signature=name,
        inputs=_inputs(signature, message, asked.content_type),
        outputs=tuple([_output_name(output) for output in message.outputs]),
        timeout=asked.timeout,
        priority=asked.priority,
    )
    return Infer(model, request, message.id, raw=len(message.raw_input_contents) > 0)


def encode(call: Infer, responses: Sequence[InferResponse]) -> bytes:
    """Write the answer: in raw bytes where the request was, or an output fits no typed field."""
    (response,) = responses
    answer = _RESPONSE(model_name=call.model.name, model_version=call.model.version, id=call.id)
    kinds = {name: dtypes.BY_NUMPY[array.dtype] for name, array in response.outputs.items()}
    raw = call.raw or any(kind.name not in typed.CONTENTS for kind in kinds.values())
    for name, array in response.outputs.items():
        if not (datatype := kinds[name].oip):
            raise InferenceError(
                Code.UNIMPLEMENTED,
                f'output "{name}" is {kinds[name].name}, which the Open Inference Protocol has no '
                "datatype for: use tensorflow.serving.PredictionService",
            )
        output = answer.outputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            answer.raw_output_contents.append(to_raw(array))
        else:
            typed.write(output.contents, typed.CONTENTS[kinds[name].name], array)
    data: bytes = answer.SerializeToString()
    return data


def _inputs(signature: Signature, message: Message, content_type: str) -> dict[str, Array]:
    sent, raw = message.inputs, message.raw_input_contents
    if raw and len(raw) != len(sent):
        raise invalid(
            f"raw_input_contents has {len(raw)} elements for {len(sent)} inputs: one for each, and "
            "no input with contents of its own beside them"
        )
    places = {record.name: at for at, record in enumerate(sent)}
    if len(places) != len(sent):
        raise invalid("an input is sent twice")
    check_names(signature, places)
    return {
        tensor.name: _input(tensor, sent[at], raw[at] if raw else None, content_type)
        for tensor in signature.inputs
        for at in (places[tensor.name],)
    }


def _input(tensor: Tensor, record: Message, raw: bytes | None, content_type: str) -> Array:
    alternative = or_images(tensor)
    tensor = sent_as(tensor, strings=record.datatype == "BYTES")
    datatype = dtypes.BY_NAME[tensor.dtype].oip
    if record.datatype != datatype:
        raise invalid(
            f'input "{tensor.name}" has datatype {datatype or "none"} ({tensor.dtype})'
            f"{alternative}, got {dtypes.named(record.datatype)}"
        )
    if record.parameters:
        own = _plain(record.parameters)
        parameters.refuse(own)
        content_type = parameters.content_type(own, content_type)
    return contents.read(tensor, _array(tensor, record, raw), content_type)


def _array(tensor: Tensor, record: Message, raw: bytes | None) -> Array:
    shape = tuple(record.shape)
    if raw is None:
        return _from_contents(tensor, shape, record)
    if record.HasField("contents"):
        raise invalid(f'input "{tensor.name}" has contents beside raw_input_contents')
    return from_raw(tensor, shape, memoryview(raw))


def _from_contents(tensor: Tensor, shape: tuple[int, ...], record: Message) -> Array:
    check_shape(tensor, shape)
    field = typed.CONTENTS.get(tensor.dtype)
    if field is None:
        raise invalid(
            f'input "{tensor.name}" is {record.datatype}, which has no typed contents: send '
            "raw_input_contents"
        )
    for other, _ in record.contents.ListFields():
        if other.number != field.number:
            raise invalid(
                f'input "{tensor.name}" is {record.datatype}: its contents are {field.name}, not '
                f"{other.name}"
            )
    values = typed.read(record.contents, field, tensor)
    if len(values) != math.prod(shape):
        raise invalid(
            f'input "{tensor.name}" has shape {list(shape)}, that is {math.prod(shape)} elements, '
            f"but {len(values)} {field.name}"
        )
    return values.reshape(shape)


def _output_name(output: Message) -> str:
    if output.parameters:
        parameters.refuse(_plain(output.parameters))
    name: str = output.name
    return name


def _plain(sent: Mapping[str, Message]) -> dict[str, Any]:
    """Each parameter's value as such; None where it has none."""
    return {
        name: getattr(parameter, kind)
        if (kind := parameter.WhichOneof("parameter_choice"))
        else None
        for name, parameter in sent.items()
    }
