"""What Classify, Regress and MultiInference have in common, over gRPC and REST alike.

A model takes part with a signature of one string input, a vector of serialised tf.Examples, whose
outputs are ``classes`` and ``scores`` (either may be missing) or, for regression, ``outputs``::

    signature = find(manifest, name, Method.CLASSIFY)         # name "": the default signature
    texts = from_features(examples, context)                  # REST: JSON objects
    texts = from_input(message.input)                         # gRPC: tensorflow.serving.Input
    request = to_request(signature_name, signature, texts)
    outputs = (await engine.infer(request)).outputs
    classifications(outputs, len(texts))  # or regressions(outputs, len(texts))
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from frazil_runtime.errors import InferenceError, invalid
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.protocol.tensors import REGULAR, is_b64
from frazil_runtime.request_signatures import ImageInput
from frazil_runtime.requests import Array, InferRequest
from frazil_runtime.validation import find_signature

_EXAMPLE: Final = message_class("tensorflow.Example")
_INT64: Final = range(-(2**63), 2**63)

JsonExample = Mapping[str, object]  # feature → value or list of values


class Method(Enum):
    """The two calls, by the method that their signatures bear."""

    CLASSIFY = "tensorflow/serving/classify"
    REGRESS = "tensorflow/serving/regress"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that such a signature may have; each counts by its name."""
        return ("classes", "scores") if self is Method.CLASSIFY else ("outputs",)


@dataclass(frozen=True, slots=True)
class Classifications:
    """For each example its classes: labels (object array of bytes) and scores (float32).

    Both are [examples, classes]; one of them may be None, for a model that does not tell.
    """

    labels: Array | None
    scores: Array | None


def find(manifest: Manifest, name: str, method: Method) -> Signature:
    """The signature of that name, ``""`` being the default's; it must be one for ``method``."""
    name = name or manifest.default_signature
    signature = find_signature(manifest, name)
    outputs = {tensor.name for tensor in signature.outputs}
    takes_examples = len(signature.inputs) == 1 and _takes_examples(signature.inputs[0])
    if takes_examples and outputs and outputs.issubset(method.outputs):
        return signature
    verb = method.name.lower()
    raise invalid(
        f'signature "{name}" cannot {verb}: that takes one string input of serialized tf.Examples '
        f"and no outputs but {' and '.join(method.outputs)}. Use predict, it serves any signature"
    )


def _takes_examples(tensor: Tensor) -> bool:
    """Strings that are no images."""
    return tensor.dtype == "string" and not isinstance(tensor, ImageInput)


def to_request(name: str, signature: Signature, texts: Array) -> InferRequest:
    """What the engine is asked: ``texts`` are the serialised examples, ``name`` as it was sent."""
    return InferRequest(name, {signature.inputs[0].name: texts})


def from_input(message: Message) -> Array:
    """The examples of a ``tensorflow.serving.Input``, each with the context's features."""
    kind = message.WhichOneof("kind")
    if kind is None or not (examples := getattr(message, kind).examples):
        raise invalid("Input is empty: send at least one example")
    context = b""
    if kind == "example_list_with_context":
        context = _serialized(message.example_list_with_context.context)
    return _texts(context, [_serialized(example) for example in examples])


def from_features(examples: Sequence[object], context: object = None) -> Array:
    """The same for examples that are JSON objects, as ``documents.parse`` leaves them.

    A feature's value is a number, text, true or false, ``{"b64": text}``, or a list of these: of
    whole numbers and truths an int64 list, of numbers a float list, of the others a bytes list.
    """
    if not examples:
        raise invalid("Input is empty: send at least one example")
    prefix = b"" if context is None else _from_json(context)
    return _texts(prefix, [_from_json(example) for example in examples])


def classifications(outputs: Mapping[str, Array], count: int) -> Classifications:
    """The outputs of a classification of ``count`` examples; the error says what does not fit."""
    labels, scores = outputs.get("classes"), outputs.get("scores")
    for name, array, dtype in (("classes", labels, "object"), ("scores", scores, "float32")):
        if array is not None and (array.ndim != 2 or len(array) != count or array.dtype != dtype):
            raise _misfit(name, array, f"[{count}, classes]")
    if labels is not None and scores is not None and labels.shape != scores.shape:
        raise _misfit("scores", scores, str(list(labels.shape)))
    return Classifications(labels, scores)


def regressions(outputs: Mapping[str, Array], count: int) -> Array:
    """One value for each of ``count`` examples, float32; the error says what does not fit."""
    array = outputs["outputs"]
    if array.shape not in ((count,), (count, 1)) or array.dtype != np.float32:
        raise _misfit("outputs", array, f"[{count}] or [{count}, 1]")
    return array.reshape(count)


def _texts(context: bytes, examples: list[bytes]) -> Array:
    """Serialised messages that follow each other are read as one, the later features winning."""
    return np.array([context + example for example in examples] if context else examples, object)


def _serialized(example: Message) -> bytes:
    """Equal examples are equal texts, so that the output cache knows them again."""
    text: bytes = example.SerializeToString(deterministic=True)
    return text


def _from_json(record: object) -> bytes:
    if not isinstance(record, dict):
        raise invalid("Example must be JSON object")
    example = _EXAMPLE()
    for name, value in record.items():
        _fill(name, example.features.feature[name], _values(value))
    return _serialized(example)


def _values(value: object) -> list[Any]:
    if isinstance(value, REGULAR):
        return value.tolist()
    return value if isinstance(value, list) else [value]


def _fill(name: str, feature: Message, values: list[Any]) -> None:
    """Set the feature to a list of the one kind that all its values have."""
    kinds = set(map(type, values))
    if not kinds:
        return
    if kinds <= {int, bool}:
        if not all(value in _INT64 for value in values):
            raise invalid(f'Feature: "{name}" has a whole number beyond the range of int64')
        feature.int64_list.value.extend(map(int, values))
    elif kinds <= {int, float}:
        feature.float_list.value.extend(values)
    elif kinds <= {str, dict}:
        feature.bytes_list.value.extend(_bytes(name, value) for value in values)
    else:
        raise _unexpected(name)


def _bytes(name: str, value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not is_b64(value):
        raise _unexpected(name)
    text = value["b64"]
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f'Feature: "{name}" has a "b64" that is not base64') from None


def _unexpected(name: str) -> InferenceError:
    return invalid(
        f'Feature: "{name}" has element with unexpected JSON type: a feature is a list of numbers, '
        'or one of texts and {"b64": text}'
    )


def _misfit(name: str, array: Array, wanted: str) -> InferenceError:
    return invalid(
        f'the output "{name}" is {array.dtype.name} {list(array.shape)}, where classify and '
        f"regress expect {wanted}: use predict"
    )
