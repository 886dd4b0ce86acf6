"""TensorFlow Serving's gRPC calls: Predict, Classify, Regress and MultiInference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.protocol import examples
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.protocol.tensor_protos import from_proto, to_proto
from frazil_runtime.requests import Array, InferRequest, InferResponse
from frazil_runtime.validation import check_names, find_signature

PREDICT: Final = message_class("tensorflow.serving.PredictRequest")
CLASSIFY: Final = message_class("tensorflow.serving.ClassificationRequest")
REGRESS: Final = message_class("tensorflow.serving.RegressionRequest")
MULTI: Final = message_class("tensorflow.serving.MultiInferenceRequest")

_PREDICTED: Final = message_class("tensorflow.serving.PredictResponse")
_CLASSIFIED: Final = message_class("tensorflow.serving.ClassificationResponse")
_REGRESSED: Final = message_class("tensorflow.serving.RegressionResponse")
_MULTI: Final = message_class("tensorflow.serving.MultiInferenceResponse")


@dataclass(frozen=True, slots=True)
class Predict:
    """A decoded Predict."""

    model: ModelInfo
    request: InferRequest

    @property
    def requests(self) -> tuple[InferRequest]:
        """What the engine is asked."""
        return (self.request,)


@dataclass(frozen=True, slots=True)
class Examples:
    """A decoded Classify, Regress or MultiInference: its tasks, and how many examples it has."""

    model: ModelInfo
    methods: tuple[Method, ...]
    requests: tuple[InferRequest, ...]
    count: int


def decode_predict(message: Message, model: ModelInfo, *, max_bytes: int) -> Predict:
    """Read a ``PredictRequest``; no tensor may be larger than ``max_bytes``."""
    name = message.model_spec.signature_name or model.manifest.default_signature
    signature = find_signature(model.manifest, name)
    check_names(signature, message.inputs)
    inputs = {
        tensor.name: from_proto(tensor, message.inputs[tensor.name], max_bytes)
        for tensor in signature.inputs
    }
    return Predict(model, InferRequest(name, inputs, tuple(message.output_filter)))


def encode_predict(call: Predict, responses: Sequence[InferResponse]) -> bytes:
    """Write a ``PredictResponse``."""
    answer = _PREDICTED()
    _fill_spec(answer.model_spec, call.model, call.request.signature)
    for name, array in responses[0].outputs.items():
        to_proto(array, answer.outputs[name])
    return _serialized(answer)


def decode_classify(message: Message, model: ModelInfo) -> Examples:
    """Read a ``ClassificationRequest``."""
    return _decode(model, [(message.model_spec.signature_name, Method.CLASSIFY)], message.input)


def decode_regress(message: Message, model: ModelInfo) -> Examples:
    """Read a ``RegressionRequest``."""
    return _decode(model, [(message.model_spec.signature_name, Method.REGRESS)], message.input)


def decode_multi(message: Message, model: ModelInfo) -> Examples:
    """Read a ``MultiInferenceRequest``: several signatures of one model, on the same examples."""
    tasks = [(task.model_spec.signature_name, _method(task.method_name)) for task in message.tasks]
    if any(task.model_spec.name != model.name for task in message.tasks):
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    if len({name or model.manifest.default_signature for name, _ in tasks}) != len(tasks):
        raise invalid("Duplicate evaluation of signature: each task must have another one")
    return _decode(model, tasks, message.input)


def encode_classify(call: Examples, responses: Sequence[InferResponse]) -> bytes:
    """Write a ``ClassificationResponse``."""
    answer = _CLASSIFIED()
    _fill_spec(answer.model_spec, call.model, call.requests[0].signature)
    _fill_classes(answer.result, responses[0].outputs, call.count)
    return _serialized(answer)


def encode_regress(call: Examples, responses: Sequence[InferResponse]) -> bytes:
    """Write a ``RegressionResponse``."""
    answer = _REGRESSED()
    _fill_spec(answer.model_spec, call.model, call.requests[0].signature)
    _fill_values(answer.result, responses[0].outputs, call.count)
    return _serialized(answer)


def encode_multi(call: Examples, responses: Sequence[InferResponse]) -> bytes:
    """Write a ``MultiInferenceResponse``: a result for each task, in their order."""
    answer = _MULTI()
    for method, request, response in zip(call.methods, call.requests, responses, strict=True):
        result = answer.results.add()
        _fill_spec(result.model_spec, call.model, request.signature)
        if method is Method.CLASSIFY:
            _fill_classes(result.classification_result, response.outputs, call.count)
        else:
            _fill_values(result.regression_result, response.outputs, call.count)
    return _serialized(answer)


def _decode(model: ModelInfo, tasks: Sequence[tuple[str, Method]], sent: Message) -> Examples:
    manifest = model.manifest
    signatures = [examples.find(manifest, name, method) for name, method in tasks]
    texts = examples.from_input(sent)
    requests = [
        examples.to_request(name or manifest.default_signature, signature, texts)
        for (name, _), signature in zip(tasks, signatures, strict=True)
    ]
    return Examples(model, tuple(method for _, method in tasks), tuple(requests), len(texts))


def _method(name: str) -> Method:
    try:
        return Method(name)
    except ValueError:
        known = " and ".join(method.value for method in Method)
        raise InferenceError(
            Code.UNIMPLEMENTED, f"Unsupported signature method_name: a task may have {known}"
        ) from None


def _fill_spec(spec: Message, model: ModelInfo, signature: str) -> None:
    spec.name = model.name
    spec.signature_name = signature
    spec.version.value = int(model.version)


def _fill_classes(result: Message, outputs: Mapping[str, Array], count: int) -> None:
    found = examples.classifications(outputs, count)
    scores, labels = found.scores, found.labels
    some: Any = scores if labels is None else labels
    rows = zip(
        [[0.0] * some.shape[1]] * count if scores is None else scores.tolist(),
        [[b""] * some.shape[1]] * count if labels is None else labels.tolist(),
        strict=True,
    )
    for row in rows:
        classes = result.classifications.add().classes
        for score, label in zip(*row, strict=True):
            classes.add(score=score, label=_text(label))


def _fill_values(result: Message, outputs: Mapping[str, Array], count: int) -> None:
    for value in examples.regressions(outputs, count).tolist():
        result.regressions.add(value=value)
    result.SetInParent()


def _text(label: bytes) -> str:
    """Labels are text in the protocol; what is not UTF-8 is marked where it is not."""
    return label.decode(errors="replace")


def _serialized(answer: Message) -> bytes:
    data: bytes = answer.SerializeToString()
    return data
