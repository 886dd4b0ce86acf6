"""The paths of TensorFlow Serving's REST API v1."""

from __future__ import annotations

import re
from typing import Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.manifest import Manifest
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol import classification, descriptions, tf_serving
from frazil_runtime.protocol.classification import Classify
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.tf_serving import Predict
from frazil_runtime.requests import Body, InferResponse
from frazil_runtime.transport.exchanges import Answer, Exchange, Handler, Methods, Plain, constant
from frazil_runtime.transport.predictions import Codec, Predictions

PROTOCOL: Final = "tensorflow-serving"
LABEL: Final = "stable"  # of the one version that this process serves

# What is asked with POST and with GET, as of TensorFlow Serving's http_rest_api_util.cc.
_VERSION: Final = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL: Final = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_VERSION}:(?:classify|regress|predict)", re.ASCII
)
_STATUS: Final = re.compile(rf"/v1/models(?:/(?P<model>[^/:]+))?{_VERSION}(?:/metadata)?", re.ASCII)
# Every other group is a word of the protocol, not a name.
_ANY_CASE: Final = re.compile(
    r"(/v1/models/?)([^/:]*)(?:(/versions/|/labels/)([^/:]*))?(:\w+|/metadata)?", re.ASCII | re.I
)


def of_server() -> dict[str, Methods]:
    """What needs no model: a path that TensorFlow Serving refuses, and one of KServe's."""
    nameless = Answer.of_error(invalid("Missing model name in request."))
    alive = Answer.of_record({"status": "alive"})
    return {"/v1/models": {"GET": constant(nameless)}, "/": {"GET": constant(alive)}}


def of_model(served: Served, lifecycle: Lifecycle, predictions: Predictions) -> dict[str, Methods]:
    """A model's paths, by its name alone, by its version and by its label."""
    model = served.info
    metadata = constant(Answer.of_record(descriptions.tf_serving_metadata(model)))
    calls: dict[str, Handler] = {
        "predict": predictions.of(served, _predict(model.manifest)),
        "classify": predictions.of(served, _of(model.manifest, Method.CLASSIFY)),
        "regress": predictions.of(served, _of(model.manifest, Method.REGRESS)),
    }

    def status(_: Exchange) -> Answer:
        return Answer.of_record(descriptions.tf_serving_status(model, lifecycle.state))

    routes: dict[str, Methods] = {}
    base = f"/v1/models/{model.name}"
    for path in (base, f"{base}/versions/{model.version}", f"{base}/labels/{LABEL}"):
        routes[path] = {"GET": Plain(status)}
        routes[f"{path}/metadata"] = {"GET": metadata}
        routes |= {f"{path}:{call}": {"POST": answer} for call, answer in calls.items()}
    return routes


def canonical(path: str) -> str:
    """The path with the words of this API, but no names, in lower case: it reads them in any."""
    if match := _ANY_CASE.fullmatch(path):
        words = match.groups(default="")
        return "".join(word if at % 2 else word.lower() for at, word in enumerate(words))
    return path


def is_of(exchange: Exchange) -> bool:
    """Whether a path is meant for this API."""
    return exchange.path.lower().startswith("/v1/")


def malformed(exchange: Exchange) -> InferenceError:
    """What TensorFlow Serving says of a path or a method that it does not know."""
    return invalid(f"Malformed request: {exchange.method} {exchange.path}")


def miss(models: Models, exchange: Exchange) -> InferenceError:
    """TensorFlow Serving's texts; a call and a question about the model have different ones."""
    call = exchange.method == "POST"
    match = (_CALL if call else _STATUS).fullmatch(canonical(exchange.path))
    if match is None or exchange.method not in ("POST", "GET", "HEAD"):
        return malformed(exchange)
    model, version, label = match["model"], match["version"], match["label"]
    if model is None:
        return invalid("Missing model name in request.")
    if label is not None and (label != LABEL or model in models):
        return invalid(f"Unrecognized servable version label: {label}")
    if call:
        which = f"Latest({model})" if version is None else f"Specific({model}, {version})"
        return InferenceError(Code.NOT_FOUND, f"Servable not found for request: {which}")
    if model in models:
        text = f"Could not find version {version} of model {model}"
        return InferenceError(Code.NOT_FOUND, text)
    return InferenceError(Code.NOT_FOUND, f"Could not find any versions of model {model}")


def _predict(manifest: Manifest) -> Codec[Predict]:
    def decode(body: Body, _: int | None) -> Predict:
        return tf_serving.decode(body, manifest)

    def encode(call: Predict, response: InferResponse) -> tuple[bytes, None]:
        return tf_serving.encode(call, response.outputs), None

    return Codec(PROTOCOL, decode, encode)


def _of(manifest: Manifest, method: Method) -> Codec[Classify]:
    def decode(body: Body, _: int | None) -> Classify:
        return classification.decode(body, manifest, method)

    def encode(call: Classify, response: InferResponse) -> tuple[bytes, None]:
        return classification.encode(call, response.outputs), None

    return Codec(PROTOCOL, decode, encode)
