"""The HTTP port: which handler a request goes to, and what every answer says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from frazil_runtime.contract import REVISION_HEADER, Policy
from frazil_runtime.lifecycle import Lifecycle, ModelInfo
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Models
from frazil_runtime.transport.admission import Admission, AdmitAll
from frazil_runtime.transport.exchanges import Begin, Exchange, Handler, Headers, Plain
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.predictions import Predictions
from frazil_runtime.transport.routes import make_routes, no_such_path, wrong_method
from frazil_runtime.transport.v1 import canonical

# One long document must not hold up the next; more threads would only share the interpreter.
_CODEC_THREADS: Final = 2


class HttpApp:
    """TensorFlow Serving's REST v1 and the Open Inference Protocol v2 on one port.

    Every answer about a model names its revision.
    """

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        lifecycle: Lifecycle,
        *,
        limits: Limits | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._lifecycle = lifecycle
        self._threads = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="codec")
        predictions = Predictions(metrics, self._threads, admission or AdmitAll())
        self._routes = make_routes(models, lifecycle, predictions)
        # What is about the server is about its model, where there is only one.
        only = next(iter(models.values())).info if len(models) == 1 else None
        self._headers = {
            path: _revision(route.model or only) for path, route in self._routes.items()
        }
        self._no_path = Plain(partial(no_such_path, models))
        self._no_model = _revision(only)

    @property
    def draining(self) -> bool:
        """Whether each answer is its connection's last."""
        return self._lifecycle.draining

    def admit(self, exchange: Exchange) -> Begin:
        """Find who is to answer; InferenceError where the headers alone are reason to refuse."""
        path = exchange.path
        if path not in self._routes:
            path = exchange.path = canonical(path)
        exchange.further = self._headers.get(path, self._no_model)
        return self._handler(exchange).admit(exchange)

    def follow(self, policy: Policy) -> None:
        """Read bodies of the requests to come as far as this policy allows."""
        self.limits = replace(self.limits, bytes=policy.max_request_bytes)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _handler(self, exchange: Exchange) -> Handler:
        route = self._routes.get(exchange.path)
        if route is None:
            return self._no_path
        method = "GET" if exchange.method == "HEAD" else exchange.method
        found = route.methods.get(method)
        return found or Plain(partial(wrong_method, route.methods))


def _revision(model: ModelInfo | None) -> Headers:
    if model is None:
        return ()
    return ((REVISION_HEADER.lower().encode(), model.revision.encode()),)
