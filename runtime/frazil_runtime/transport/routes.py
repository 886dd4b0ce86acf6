"""Every path of the HTTP port, and what is said of a path that is none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.protocol import descriptions, documents, open_inference, tf_serving
from frazil_runtime.transport.predictions import Codec, Predictions
from frazil_runtime.transport.requests import JSON, Answer, Request

Handler = Callable[[Request], Awaitable[Answer]]
Routes = Mapping[str, Mapping[str, Handler]]

_V1_MODEL: Final = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<call>:classify|:regress|:predict)?(?:/metadata)?"
)
_V2_MODEL: Final = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?.*")


def make_routes(model: ModelInfo, lifecycle: Lifecycle, predictions: Predictions) -> Routes:
    """path → method → handler. One model of one version is served, so the paths are few."""
    return _tf_serving_routes(model, lifecycle, predictions) | _open_inference_routes(
        model, lifecycle, predictions
    )


async def no_such_path(model: ModelInfo, request: Request) -> Answer:
    """Why a path is none, in the words of its protocol."""
    if match := _V1_MODEL.fullmatch(request.path):
        return Answer.of_error(_v1_miss(model, **match.groupdict()))
    if match := _V2_MODEL.fullmatch(request.path):
        return Answer.of_error(_v2_miss(model, **match.groupdict()))
    return Answer.of_error(_not_found(f"Malformed request: {request.method} {request.path}"))


async def wrong_method(methods: Mapping[str, Handler], request: Request) -> Answer:
    """OPTIONS tells the methods; any other is refused."""
    allowed = sorted({"OPTIONS", *methods} | ({"HEAD"} if "GET" in methods else set()))
    allow = (b"allow", ", ".join(allowed).encode())
    if request.method == "OPTIONS":
        return Answer(200, headers=(allow,))
    text = f"Malformed request: {request.method} {request.path}"
    return Answer(405, documents.error(text), (JSON, allow))


def _tf_serving_routes(
    model: ModelInfo, lifecycle: Lifecycle, predictions: Predictions
) -> dict[str, dict[str, Handler]]:
    codec = Codec(
        "tensorflow-serving",
        partial(tf_serving.decode, manifest=model.manifest),
        tf_serving.encode,
    )
    metadata = _constant(descriptions.tf_serving_metadata(model))

    async def status(_: Request) -> Answer:
        return _json(descriptions.tf_serving_status(model, lifecycle.state))

    async def unimplemented(request: Request) -> Answer:
        call = request.path.rpartition(":")[2]
        text = f"the {call} call is not implemented: use predict, it serves the same signatures"
        return Answer.of_error(InferenceError(Code.UNIMPLEMENTED, text))

    routes: dict[str, dict[str, Handler]] = {}
    for base in _bases("/v1", model):
        routes[base] = {"GET": status}
        routes[f"{base}/metadata"] = {"GET": metadata}
        routes[f"{base}:predict"] = {"POST": partial(predictions.answer, codec)}
        routes[f"{base}:classify"] = {"POST": unimplemented}
        routes[f"{base}:regress"] = {"POST": unimplemented}
    return routes


def _open_inference_routes(
    model: ModelInfo, lifecycle: Lifecycle, predictions: Predictions
) -> dict[str, dict[str, Handler]]:
    codec = Codec(
        "open-inference",
        partial(open_inference.decode, manifest=model.manifest),
        partial(open_inference.encode, model=model.name, version=model.version),
    )
    metadata = _constant(descriptions.open_inference_model(model))

    async def ready(_: Request) -> Answer:
        return _json({"ready": lifecycle.ready}, 200 if lifecycle.ready else 503)

    async def model_ready(_: Request) -> Answer:
        record = {"name": model.name, "ready": lifecycle.ready}
        return _json(record, 200 if lifecycle.ready else 503)

    routes: dict[str, dict[str, Handler]] = {
        "/v2": {"GET": _constant(descriptions.open_inference_server(version("frazil")))},
        "/v2/health/live": {"GET": _constant({"live": True})},
        "/v2/health/ready": {"GET": ready},
        "/v2/models": {"GET": _constant({"models": [model.name]})},
    }
    for base in _bases("/v2", model):
        routes[base] = {"GET": metadata}
        routes[f"{base}/ready"] = {"GET": model_ready}
        routes[f"{base}/infer"] = {"POST": partial(predictions.answer, codec)}
    return routes


def _bases(root: str, model: ModelInfo) -> tuple[str, str]:
    base = f"{root}/models/{model.name}"
    return base, f"{base}/versions/{model.version}"


def _constant(record: object) -> Handler:
    answer = _json(record)

    async def handler(_: Request) -> Answer:
        return answer

    return handler


def _json(record: object, status: int = 200) -> Answer:
    return Answer(status, documents.write(record))


def _v1_miss(
    served: ModelInfo, model: str, version: str | None, label: str | None, call: str | None
) -> InferenceError:
    """TensorFlow Serving's texts; a call and a question about the model have different ones."""
    if label is not None:
        return invalid(f"Unrecognized servable version label: {label}")
    if call is not None:
        which = f"Latest({model})" if version is None else f"Specific({model}, {version})"
        return _not_found(f"Servable not found for request: {which}")
    if model == served.name:
        return _not_found(f"Could not find version {version} of model {model}")
    return _not_found(f"Could not find any versions of model {model}")


def _v2_miss(served: ModelInfo, model: str, version: str | None) -> InferenceError:
    if model != served.name:
        return _not_found(f"Model with name {model} does not exist.")
    if version not in (None, served.version):
        return _not_found(f"Model {model} has version {served.version}, not {version}.")
    return _not_found(f"Model {model} has the paths /infer, /ready and none behind its name.")


def _not_found(text: str) -> InferenceError:
    return InferenceError(Code.NOT_FOUND, text)
