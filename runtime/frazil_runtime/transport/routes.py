"""Every path of the HTTP port, and what is said of a path that is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.models import Models
from frazil_runtime.protocol import documents
from frazil_runtime.transport import v1, v2
from frazil_runtime.transport.exchanges import JSON, Answer, Exchange, Methods
from frazil_runtime.transport.predictions import Predictions


class Route(NamedTuple):
    """One path: whose revision its answers name (None: that of no model), and its methods."""

    model: ModelInfo | None
    methods: Methods


Routes = Mapping[str, Route]


def make_routes(models: Models, lifecycle: Lifecycle, predictions: Predictions) -> Routes:
    """path → route. Each model is served in one version, so the paths are few."""
    of_server = v1.of_server() | v2.of_server(models, lifecycle)
    routes = {path: Route(None, methods) for path, methods in of_server.items()}
    for served in models.values():
        found = v1.of_model(served, lifecycle, predictions)
        found |= v2.of_model(served, lifecycle, predictions)
        routes |= {path: Route(served.info, methods) for path, methods in found.items()}
    return routes


def no_such_path(models: Models, exchange: Exchange) -> Answer:
    """Why a path is none, in the words of its protocol."""
    if v1.is_of(exchange):
        return Answer.of_error(v1.miss(models, exchange))
    if error := v2.miss(models, exchange.path):
        return Answer.of_error(error)
    text = f"Malformed request: {exchange.method} {exchange.path}"
    return Answer.of_error(InferenceError(Code.NOT_FOUND, text))


def wrong_method(methods: Methods, exchange: Exchange) -> Answer:
    """OPTIONS tells the methods; any other is refused, in v1 as what is no request at all."""
    allowed = sorted({"OPTIONS", *methods} | ({"HEAD"} if "GET" in methods else set()))
    allow = (b"allow", ", ".join(allowed).encode())
    if exchange.method == "OPTIONS":
        return Answer(200, headers=(allow,))
    if v1.is_of(exchange):
        return Answer.of_error(v1.malformed(exchange))
    text = f"Malformed request: {exchange.method} {exchange.path}"
    return Answer(405, documents.error(text), (JSON, allow))
