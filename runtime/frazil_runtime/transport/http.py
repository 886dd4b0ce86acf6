"""The HTTP port: an ASGI application without a framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from frazil_runtime.contract import REVISION_HEADER, Policy
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.logs import log
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Models
from frazil_runtime.transport.admission import Admission, AdmitAll
from frazil_runtime.transport.bodies import Body, Limits
from frazil_runtime.transport.connections import EXPIRES, WHOLE
from frazil_runtime.transport.predictions import Predictions
from frazil_runtime.transport.requests import (
    CLOSE,
    Answer,
    Handler,
    Headers,
    Request,
    respond,
)
from frazil_runtime.transport.routes import make_routes, no_such_path, wrong_method
from frazil_runtime.transport.server import Message, Receive, Send
from frazil_runtime.transport.v1 import canonical

# One long document must not hold up the next; more threads would only share the interpreter.
_CODEC_THREADS: Final = 2


class HttpApp:
    """TensorFlow Serving's REST v1 and the Open Inference Protocol v2 on one port.

    Every answer about a model names its revision. It ends the connection while the process drains,
    once the connection is old, and where the request's body was not read to its end.
    """

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        lifecycle: Lifecycle,
        *,
        limits: Limits | None = None,
        admission: Admission | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = models
        self._lifecycle = lifecycle
        self._limits = limits or Limits()
        self._clock = clock
        self._threads = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="codec")
        predictions = Predictions(metrics, self._threads, admission or AdmitAll())
        self._routes = make_routes(models, lifecycle, predictions)
        # What is about the server is about its model, where there is only one.
        only = next(iter(models.values())).info if len(models) == 1 else None
        self._headers = {
            path: _revision(route.model or only) for path, route in self._routes.items()
        }
        self._no_path = _revision(only)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        whole = WHOLE in scope["state"]
        body = Body(headers, receive, self._limits, self._lifecycle, whole=whole)
        path = scope["path"]
        if path not in self._routes:
            path = canonical(path)
        request = Request(scope["method"], path, headers, body)
        try:
            answer = await self._handler(request)(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = Answer.of_error(InferenceError(Code.INTERNAL, "internal error: see the log"))
        further = self._headers.get(request.path, self._no_path)
        await respond(request, answer, (*further, CLOSE) if self._ends(scope) else further, send)

    def follow(self, policy: Policy) -> None:
        """Read bodies of the requests to come as far as this policy allows."""
        self._limits = replace(self._limits, bytes=policy.max_request_bytes)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _handler(self, request: Request) -> Handler:
        route = self._routes.get(request.path)
        if route is None:
            return partial(no_such_path, self._models)
        method = "GET" if request.method == "HEAD" else request.method
        return route.methods.get(method) or partial(wrong_method, route.methods)

    def _ends(self, scope: Message) -> bool:
        """Whether this answer is the connection's last: asked as late as can be."""
        return self._lifecycle.draining or self._clock() >= scope["state"][EXPIRES]


def _revision(model: ModelInfo | None) -> Headers:
    if model is None:
        return ()
    return ((REVISION_HEADER.lower().encode(), model.revision.encode()),)
