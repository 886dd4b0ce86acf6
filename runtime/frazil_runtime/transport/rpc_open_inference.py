"""inference.GRPCInferenceService."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import grpc

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol import grpc_descriptions, open_inference_grpc
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.transport.rpc import Codec, Context, Handlers, Rpc, abort

SERVICE: Final = "inference.GRPCInferenceService"

_REPOSITORY: Final = (
    "models are not loaded or unloaded by clients: create or delete a ModelDeployment, or start "
    "`frazil serve` with other models"
)
_SHARED: Final = "no memory is shared with clients: send tensors as raw_input_contents"
_REFUSED: Final = {
    "RepositoryModelLoad": _REPOSITORY,
    "RepositoryModelUnload": _REPOSITORY,
    **dict.fromkeys(
        (
            f"{kind}SharedMemory{verb}"
            for kind in ("System", "Cuda")
            for verb in ("Status", "Register", "Unregister")
        ),
        _SHARED,
    ),
    "TraceSetting": "requests are not traced: read the admin port's /metrics",
    "LogSettings": "the log has no settings: it goes to the process's stderr",
}
_STREAM: Final = "inference is not streamed: send each request with ModelInfer"


def inference_service(models: Models, rpc: Rpc, lifecycle: Lifecycle) -> Handlers:
    """Every method of GRPCInferenceService."""
    codec = Codec(
        "open-inference-grpc",
        open_inference_grpc.REQUEST,
        _find_for_inference,
        open_inference_grpc.decode,
        open_inference_grpc.encode,
    )
    return {
        "ModelInfer": rpc.predicts(codec),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(_refuse_stream),
        **_server(rpc, lifecycle),
        **_model(models, rpc, lifecycle),
        **{method: rpc.refuses(text) for method, text in _REFUSED.items()},
    }


def _server(rpc: Rpc, lifecycle: Lifecycle) -> Handlers:
    live = message_class("inference.ServerLiveResponse")
    ready = message_class("inference.ServerReadyResponse")
    metadata = grpc_descriptions.server(version("frazil"))
    return {
        "ServerLive": rpc.tells(_request("ServerLive"), lambda _: live(live=True)),
        "ServerReady": rpc.tells(_request("ServerReady"), lambda _: ready(ready=lifecycle.ready)),
        "ServerMetadata": rpc.tells(_request("ServerMetadata"), lambda _: metadata),
    }


def _model(models: Models, rpc: Rpc, lifecycle: Lifecycle) -> Handlers:
    ready_response = message_class("inference.ModelReadyResponse")

    def ready(request: Message) -> Message:
        served = models.get(request.name)
        known = served is not None and request.version in ("", served.info.version)
        return ready_response(ready=known and lifecycle.ready)

    def metadata(request: Message) -> Message:
        return grpc_descriptions.model_metadata(_find(models, request.name, request.version).info)

    def config(request: Message) -> Message:
        return grpc_descriptions.model_config(_find(models, request.name, request.version).info)

    def statistics(request: Message) -> Message:
        name = request.name
        found = [_find(models, name, request.version)] if name else models.values()
        return grpc_descriptions.statistics(found)

    def index(request: Message) -> Message:
        return grpc_descriptions.index(
            models.values(), ready=lifecycle.ready, only_ready=request.ready
        )

    return {
        "ModelReady": rpc.tells(_request("ModelReady"), ready),
        "ModelMetadata": rpc.tells(_request("ModelMetadata"), metadata),
        "ModelConfig": rpc.tells(_request("ModelConfig"), config),
        "ModelStatistics": rpc.tells(_request("ModelStatistics"), statistics),
        "RepositoryIndex": rpc.tells(_request("RepositoryIndex"), index),
    }


def _request(method: str) -> Message:
    return message_class(f"inference.{method}Request")


async def _refuse_stream(requests: Any, context: Context) -> None:
    del requests
    await abort(context, InferenceError(Code.UNIMPLEMENTED, _STREAM))


def _find_for_inference(models: Models, request: Message) -> Served:
    return _find(models, request.model_name, request.model_version)


def _find(models: Models, name: str, wanted: str) -> Served:
    served = models.get(name)
    if served is None:
        raise InferenceError(Code.NOT_FOUND, f"Model with name {name} does not exist.")
    if wanted not in ("", served.info.version):
        text = f"Model {name} has version {served.info.version}, not {wanted}."
        raise InferenceError(Code.NOT_FOUND, text)
    return served
