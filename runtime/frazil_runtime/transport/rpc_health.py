"""grpc.health.v1: whether the process wants requests, for all its services alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.transport.rpc import Context, Handlers

SERVICE: Final = "grpc.health.v1.Health"
FILE: Final = health_pb2.DESCRIPTOR

_Status = health_pb2.HealthCheckResponse


def health_service(lifecycle: Lifecycle, services: Iterable[str]) -> Handlers:
    """Check and Watch. The overall status has the name ``""``.

    The library's own servicer waits for its slowest watcher before it changes a status, and its
    watches outlast the server's drain. These end when the drain begins: to their clients that is a
    server which is not serving.
    """
    known = {"", SERVICE, *services}

    def answer() -> Any:
        return _Status(status=_Status.SERVING if lifecycle.ready else _Status.NOT_SERVING)

    async def check(request: Any, context: Context) -> Any:
        if request.service not in known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return answer()

    async def watch(request: Any, context: Context) -> AsyncIterator[Any]:
        del context
        unknown = _Status(status=_Status.SERVICE_UNKNOWN)
        while True:
            state = lifecycle.state
            yield answer() if request.service in known else unknown
            if lifecycle.draining:
                return
            await lifecycle.left(state)

    return {
        "Check": grpc.unary_unary_rpc_method_handler(check, *_coded()),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, *_coded()),
    }


def _coded() -> tuple[Any, Any]:
    return health_pb2.HealthCheckRequest.FromString, _Status.SerializeToString
