"""The HTTP port: an ASGI application without a framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from frazil_runtime.contract import REVISION_HEADER
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.logs import log
from frazil_runtime.metrics import Metrics
from frazil_runtime.transport.bodies import Body, Limits
from frazil_runtime.transport.connections import EXPIRES
from frazil_runtime.transport.predictions import Infers, Predictions
from frazil_runtime.transport.requests import CLOSE, Answer, Request, respond
from frazil_runtime.transport.routes import (
    Handler,
    canonical,
    make_routes,
    no_such_path,
    wrong_method,
)
from frazil_runtime.transport.server import Message, Receive, Send

# One long document must not hold up the next; more threads would only share the interpreter.
_CODEC_THREADS: Final = 2


class HttpApp:
    """TensorFlow Serving's REST v1 and the Open Inference Protocol v2 on one port.

    Every answer names the revision. It ends the connection while the process drains, once the
    connection is old, and where the request's body was not read to its end.
    """

    def __init__(
        self,
        engine: Infers,
        model: ModelInfo,
        metrics: Metrics,
        lifecycle: Lifecycle,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._lifecycle = lifecycle
        self._limits = limits or Limits()
        self._clock = clock
        self._threads = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="codec")
        self._routes = make_routes(model, lifecycle, Predictions(engine, metrics, self._threads))
        revision = (REVISION_HEADER.lower().encode(), model.revision.encode())
        self._open = (revision,)
        self._closing = (revision, CLOSE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = Body(scope["headers"], receive, self._limits, self._lifecycle)
        request = Request(scope["method"], canonical(scope["path"]), body)
        try:
            answer = await self._handler(request)(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = Answer.of_error(InferenceError(Code.INTERNAL, "internal error: see the log"))
        headers = self._closing if self._ends(scope) else self._open
        await respond(request, answer, headers, send)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _handler(self, request: Request) -> Handler:
        methods = self._routes.get(request.path)
        if methods is None:
            return partial(no_such_path, self._model)
        method = "GET" if request.method == "HEAD" else request.method
        return methods.get(method) or partial(wrong_method, methods)

    def _ends(self, scope: Message) -> bool:
        """Whether this answer is the connection's last: asked as late as can be."""
        return self._lifecycle.draining or self._clock() >= scope["state"][EXPIRES]
