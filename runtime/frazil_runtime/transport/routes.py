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

# What is asked with POST and with GET, as of TensorFlow Serving's http_rest_api_util.cc.
_V1_VERSION: Final = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_V1_CALL: Final = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_V1_VERSION}:(?:classify|regress|predict)", re.ASCII
)
_V1_STATUS: Final = re.compile(
    rf"/v1/models(?:/(?P<model>[^/:]+))?{_V1_VERSION}(?:/metadata)?", re.ASCII
)
# Every other group is a word of the protocol, not a name.
_V1_ANY_CASE: Final = re.compile(
    r"(/v1/models/?)([^/:]*)(?:(/versions/|/labels/)([^/:]*))?(:\w+|/metadata)?", re.ASCII | re.I
)
_V2_MODEL: Final = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?.*")


def make_routes(model: ModelInfo, lifecycle: Lifecycle, predictions: Predictions) -> Routes:
    """path → method → handler. One model of one version is served, so the paths are few."""
    return _tf_serving_routes(model, lifecycle, predictions) | _open_inference_routes(
        model, lifecycle, predictions
    )


def canonical(path: str) -> str:
    """The path with the words of v1, but no names, in lower case: it reads them in any."""
    if match := _V1_ANY_CASE.fullmatch(path):
        words = match.groups(default="")
        return "".join(word if at % 2 else word.lower() for at, word in enumerate(words))
    return path


async def no_such_path(model: ModelInfo, request: Request) -> Answer:
    """Why a path is none, in the words of its protocol."""
    if _is_v1(request):
        return Answer.of_error(_v1_miss(model, request))
    if match := _V2_MODEL.fullmatch(request.path):
        return Answer.of_error(_v2_miss(model, **match.groupdict()))
    return Answer.of_error(_not_found(_malformed(request)))


async def wrong_method(methods: Mapping[str, Handler], request: Request) -> Answer:
    """OPTIONS tells the methods; any other is refused, in v1 as what is no request at all."""
    allowed = sorted({"OPTIONS", *methods} | ({"HEAD"} if "GET" in methods else set()))
    allow = (b"allow", ", ".join(allowed).encode())
    if request.method == "OPTIONS":
        return Answer(200, headers=(allow,))
    if _is_v1(request):
        return Answer.of_error(invalid(_malformed(request)))
    return Answer(405, documents.error(_malformed(request)), (JSON, allow))


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


def _is_v1(request: Request) -> bool:
    return request.path[:4].lower() == "/v1/"


def _malformed(request: Request) -> str:
    return f"Malformed request: {request.method} {request.path}"


def _v1_miss(served: ModelInfo, request: Request) -> InferenceError:
    """TensorFlow Serving's texts; a call and a question about the model have different ones."""
    call = request.method == "POST"
    match = (_V1_CALL if call else _V1_STATUS).fullmatch(request.path)
    if match is None or request.method not in ("POST", "GET", "HEAD"):
        return invalid(_malformed(request))
    model, version, label = match["model"], match["version"], match["label"]
    if model is None:
        return invalid("Missing model name in request.")
    if label is not None:
        return invalid(f"Unrecognized servable version label: {label}")
    if call:
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
