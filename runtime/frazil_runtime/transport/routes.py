"""Every path of the HTTP port, and what is said of a path that is none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Final, NamedTuple

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol import descriptions, documents, open_inference, tf_serving
from frazil_runtime.transport.predictions import Codec, Predictions
from frazil_runtime.transport.requests import JSON, Answer, Request

Handler = Callable[[Request], Awaitable[Answer]]
Methods = Mapping[str, Handler]


class Route(NamedTuple):
    """One path: whose revision its answers name (None: that of no model), and its methods."""

    model: ModelInfo | None
    methods: Methods


Routes = Mapping[str, Route]

_V1_MODEL: Final = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<call>:classify|:regress|:predict)?(?:/metadata)?"
)
_V2_MODEL: Final = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?.*")


def make_routes(models: Models, lifecycle: Lifecycle, predictions: Predictions) -> Routes:
    """path → route. Each model is served in one version, so the paths are few."""
    routes = {path: Route(None, methods) for path, methods in _server(models, lifecycle).items()}
    for served in models.values():
        found = _tf_serving(served, lifecycle, predictions)
        found |= _open_inference(served, lifecycle, predictions)
        routes |= {path: Route(served.info, methods) for path, methods in found.items()}
    return routes


async def no_such_path(models: Models, request: Request) -> Answer:
    """Why a path is none, in the words of its protocol."""
    if match := _V1_MODEL.fullmatch(request.path):
        return Answer.of_error(_v1_miss(models, **match.groupdict()))
    if match := _V2_MODEL.fullmatch(request.path):
        return Answer.of_error(_v2_miss(models, **match.groupdict()))
    return Answer.of_error(_not_found(f"Malformed request: {request.method} {request.path}"))


async def wrong_method(methods: Methods, request: Request) -> Answer:
    """OPTIONS tells the methods; any other is refused."""
    allowed = sorted({"OPTIONS", *methods} | ({"HEAD"} if "GET" in methods else set()))
    allow = (b"allow", ", ".join(allowed).encode())
    if request.method == "OPTIONS":
        return Answer(200, headers=(allow,))
    text = f"Malformed request: {request.method} {request.path}"
    return Answer(405, documents.error(text), (JSON, allow))


def _tf_serving(
    served: Served, lifecycle: Lifecycle, predictions: Predictions
) -> dict[str, Methods]:
    model = served.info
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

    routes: dict[str, Methods] = {}
    for base in _bases("/v1", model):
        routes[base] = {"GET": status}
        routes[f"{base}/metadata"] = {"GET": metadata}
        routes[f"{base}:predict"] = {"POST": partial(predictions.answer, served, codec)}
        routes[f"{base}:classify"] = {"POST": unimplemented}
        routes[f"{base}:regress"] = {"POST": unimplemented}
    return routes


def _server(models: Models, lifecycle: Lifecycle) -> dict[str, Methods]:
    async def ready(_: Request) -> Answer:
        return _json({"ready": lifecycle.ready}, 200 if lifecycle.ready else 503)

    return {
        "/v2": {"GET": _constant(descriptions.open_inference_server(version("frazil")))},
        "/v2/health/live": {"GET": _constant({"live": True})},
        "/v2/health/ready": {"GET": ready},
        "/v2/models": {"GET": _constant({"models": list(models)})},
    }


def _open_inference(
    served: Served, lifecycle: Lifecycle, predictions: Predictions
) -> dict[str, Methods]:
    model = served.info
    codec = Codec(
        "open-inference",
        partial(open_inference.decode, manifest=model.manifest),
        partial(open_inference.encode, model=model.name, version=model.version),
    )
    metadata = _constant(descriptions.open_inference_model(model))

    async def model_ready(_: Request) -> Answer:
        record = {"name": model.name, "ready": lifecycle.ready}
        return _json(record, 200 if lifecycle.ready else 503)

    routes: dict[str, Methods] = {}
    for base in _bases("/v2", model):
        routes[base] = {"GET": metadata}
        routes[f"{base}/ready"] = {"GET": model_ready}
        routes[f"{base}/infer"] = {"POST": partial(predictions.answer, served, codec)}
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
    models: Models, model: str, version: str | None, label: str | None, call: str | None
) -> InferenceError:
    """TensorFlow Serving's texts; a call and a question about the model have different ones."""
    if label is not None:
        return invalid(f"Unrecognized servable version label: {label}")
    if call is not None:
        which = f"Latest({model})" if version is None else f"Specific({model}, {version})"
        return _not_found(f"Servable not found for request: {which}")
    if model in models:
        return _not_found(f"Could not find version {version} of model {model}")
    return _not_found(f"Could not find any versions of model {model}")


def _v2_miss(models: Models, model: str, version: str | None) -> InferenceError:
    if model not in models:
        return _not_found(f"Model with name {model} does not exist.")
    if version not in (None, served := models[model].info.version):
        return _not_found(f"Model {model} has version {served}, not {version}.")
    return _not_found(f"Model {model} has the paths /infer, /ready and none behind its name.")


def _not_found(text: str) -> InferenceError:
    return InferenceError(Code.NOT_FOUND, text)
