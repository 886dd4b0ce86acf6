"""The paths of the Open Inference Protocol v2, and of Triton's extensions of it."""

from __future__ import annotations

import re
from functools import partial
from importlib.metadata import version as installed
from typing import Any, Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.manifest import Manifest
from frazil_runtime.models import Models, Served
from frazil_runtime.protocol import descriptions, documents, open_inference
from frazil_runtime.requests import Body, InferResponse
from frazil_runtime.transport.exchanges import Answer, Exchange, Methods, Plain, Short, constant
from frazil_runtime.transport.feedback import TakesFeedback
from frazil_runtime.transport.predictions import Codec, Predictions

PROTOCOL: Final = "open-inference"

_MODEL: Final = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?.*")

# Of Triton's extensions those that cannot be had, and what to do instead.
_NEVER: Final = (
    (
        r"/v2/models/[^/]+(/versions/[^/]+)?/generate(_stream)?",
        "a model answers once and whole here: use infer",
    ),
    (
        r"/v2/repository/models/[^/]+/(load|unload)",
        "which models are served is not for clients to say: change the ModelDeployment, or what "
        "`frazil serve` was started with",
    ),
    (
        r"/v2/(system|cuda)sharedmemory(/.*)?",
        "no memory is shared with clients: send tensors in the request, best as binary data",
    ),
    (
        r"/v2(/models/[^/]+)?/trace/setting",
        "requests are not traced: the admin port's /metrics and each model's /stats say how long "
        "they take",
    ),
    (r"/v2/logging", "logs have no settings that clients could change"),
)


def of_server(models: Models, lifecycle: Lifecycle) -> dict[str, Methods]:
    """What is about the server, or about all models."""

    def ready(_: Exchange) -> Answer:
        status = 200 if lifecycle.ready else 503
        return Answer.of_record({"ready": lifecycle.ready}, status)

    def statistics(_: Exchange) -> Answer:
        return Answer.of_record(descriptions.open_inference_statistics(models.values()))

    def index(exchange: Exchange) -> Answer:
        only_ready = _only_ready(exchange.body)
        listed = () if only_ready and not lifecycle.ready else models.values()
        infos = [served.info for served in listed]
        return Answer.of_record(descriptions.open_inference_index(infos, lifecycle.state))

    server = descriptions.open_inference_server(installed("frazil"))
    return {
        "/v2": {"GET": constant(Answer.of_record(server))},
        "/v2/health/live": {"GET": constant(Answer.of_record({"live": True}))},
        "/v2/health/ready": {"GET": Plain(ready)},
        "/v2/models": {"GET": constant(Answer.of_record({"models": list(models)}))},
        "/v2/models/stats": {"GET": Plain(statistics)},
        "/v2/repository/index": {"POST": Short(index)},
    }


def of_model(served: Served, lifecycle: Lifecycle, predictions: Predictions) -> dict[str, Methods]:
    """A model's paths, by its name alone and by its version."""
    model = served.info
    codec = Codec(
        PROTOCOL,
        partial(_decode, served),
        partial(_encode, served),
        binary=not _takes_strings(model.manifest),
    )
    feedback = TakesFeedback(served.feedback)
    metadata = constant(Answer.of_record(descriptions.open_inference_model(model)))
    config = constant(Answer.of_record(descriptions.open_inference_config(model)))

    def ready(_: Exchange) -> Answer:
        record = {"name": model.name, "ready": lifecycle.ready}
        return Answer.of_record(record, 200 if lifecycle.ready else 503)

    def statistics(_: Exchange) -> Answer:
        return Answer.of_record(descriptions.open_inference_statistics([served]))

    routes: dict[str, Methods] = {}
    base = f"/v2/models/{model.name}"
    for path in (base, f"{base}/versions/{model.version}"):
        routes[path] = {"GET": metadata}
        routes[f"{path}/ready"] = {"GET": Plain(ready)}
        routes[f"{path}/config"] = {"GET": config}
        routes[f"{path}/stats"] = {"GET": Plain(statistics)}
        routes[f"{path}/infer"] = {"POST": predictions.of(served, codec)}
        routes[f"{path}/feedback"] = {"POST": feedback}
    return routes


def miss(models: Models, path: str) -> InferenceError | None:
    """Why a path of this protocol is none; None where it is not of this protocol."""
    for pattern, text in _NEVER:
        if re.fullmatch(pattern, path):
            return InferenceError(Code.UNIMPLEMENTED, text)
    match = _MODEL.fullmatch(path)
    return InferenceError(Code.NOT_FOUND, _miss(models, **match.groupdict())) if match else None


def _miss(models: Models, model: str, version: str | None) -> str:
    if model not in models:
        return f"Model with name {model} does not exist."
    if version not in (None, served := models[model].info.version):
        return f"Model {model} has version {served}, not {version}."
    paths = "/infer, /feedback, /ready, /config, /stats"
    return f"Model {model} has the paths {paths} and none behind its name."


def _decode(served: Served, body: Body, json_bytes: int | None) -> open_inference.Infer:
    return open_inference.decode(body, served.info.manifest, json_bytes)


def _encode(
    served: Served, call: open_inference.Infer, response: InferResponse
) -> tuple[bytes, int | None]:
    model, stamp = served.info, response.stamp
    prediction_id = "" if stamp is None else stamp.id
    return open_inference.encode(
        *(call, response.outputs),
        model=model.name,
        version=model.version,
        prediction_id=prediction_id,
    )


def _takes_strings(manifest: Manifest) -> bool:
    """Whether an input is of byte strings, which are read one by one even as binary data."""
    inputs = [each for signature in manifest.signatures.values() for each in signature.inputs]
    return any(tensor.dtype == "string" for tensor in inputs)


def _only_ready(body: Body) -> bool:
    """Read ``{"ready"?: true}``; nothing at all is as good as ``{}``."""
    record: Any = documents.parse(body) if body else {}
    only_ready = record.get("ready", False) if type(record) is dict else None
    if type(only_ready) is not bool:
        raise invalid('the index wants {"ready": true}, to list only models that are ready, or {}')
    return only_ready
