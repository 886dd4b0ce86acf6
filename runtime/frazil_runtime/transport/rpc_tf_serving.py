"""tensorflow.serving.PredictionService and ModelService."""

from __future__ import annotations

from typing import Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol import grpc_descriptions, tf_serving_grpc
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.transport.rpc import Codec, Handlers, Rpc

PREDICTION: Final = "tensorflow.serving.PredictionService"
MODEL: Final = "tensorflow.serving.ModelService"

_METADATA: Final = message_class("tensorflow.serving.GetModelMetadataRequest")
_STATUS: Final = message_class("tensorflow.serving.GetModelStatusRequest")
_PROTOCOL: Final = "tensorflow-serving-grpc"
_RELOAD: Final = (
    "the models of a server are fixed: change the ModelDeployment, or start `frazil serve` with "
    "other models"
)


def prediction_service(models: Models, rpc: Rpc) -> Handlers:
    """Every method of PredictionService."""
    codecs = tf_serving_grpc

    def decode_predict(message: Message, model: ModelInfo) -> tf_serving_grpc.Predict:
        return codecs.decode_predict(message, model, max_bytes=rpc.max_bytes())

    def metadata(request: Message) -> Message:
        served = _find(models, request)
        return grpc_descriptions.tf_serving_metadata(served.info, request.metadata_field)

    return {
        "Predict": rpc.predicts(
            Codec(_PROTOCOL, codecs.PREDICT, _find, decode_predict, codecs.encode_predict)
        ),
        "Classify": rpc.predicts(
            Codec(_PROTOCOL, codecs.CLASSIFY, _find, codecs.decode_classify, codecs.encode_classify)
        ),
        "Regress": rpc.predicts(
            Codec(_PROTOCOL, codecs.REGRESS, _find, codecs.decode_regress, codecs.encode_regress)
        ),
        "MultiInference": rpc.predicts(
            Codec(_PROTOCOL, codecs.MULTI, _find_first, codecs.decode_multi, codecs.encode_multi)
        ),
        "GetModelMetadata": rpc.tells(_METADATA, metadata),
    }


def model_service(models: Models, rpc: Rpc, lifecycle: Lifecycle) -> Handlers:
    """Every method of ModelService."""

    def status(request: Message) -> Message:
        model = _find_status(models, request).info
        return grpc_descriptions.tf_serving_status(model, lifecycle.state)

    return {
        "GetModelStatus": rpc.tells(_STATUS, status),
        "HandleReloadConfigRequest": rpc.refuses(_RELOAD),
    }


def _find(models: Models, request: Message) -> Served:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return _of_spec(models, request.model_spec)


def _find_first(models: Models, request: Message) -> Served:
    """The model of the first task: all have the same, which the codec checks."""
    if not request.tasks:
        raise invalid("Inference request has no tasks")
    return _of_spec(models, request.tasks[0].model_spec)


def _of_spec(models: Models, spec: Message) -> Served:
    served = models.get(spec.name)
    version = _version(spec)
    if served and version in ("", served.info.version):
        return served
    which = f"Specific({spec.name}, {version})" if version else f"Latest({spec.name})"
    raise InferenceError(Code.NOT_FOUND, f"Servable not found for request: {which}")


def _find_status(models: Models, request: Message) -> Served:
    """Like any other, but TensorFlow Serving has other words where there is none."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    name, version = request.model_spec.name, _version(request.model_spec)
    served = models.get(name)
    if served is None:
        text = f"Could not find any versions of model {name}"
        raise InferenceError(Code.NOT_FOUND, text)
    if version not in ("", served.info.version):
        text = f"Could not find version {version} of model {name}"
        raise InferenceError(Code.NOT_FOUND, text)
    return served


def _version(spec: Message) -> str:
    """The version asked for; empty for any."""
    match spec.WhichOneof("version_choice"):
        case "version":
            return str(spec.version.value)
        case "version_label":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        case _:
            return ""
