"""grpc.health.v1: whether the process wants requests, for all its services alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.protocol.messages import parse
from frazil_runtime.transport.rpc import Context, Handlers, abort

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

    async def check(data: bytes, context: Context) -> Any:
        if await _service(data, context) not in known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return answer()

    async def watch(data: bytes, context: Context) -> AsyncIterator[Any]:
        service = await _service(data, context)
        unknown = _Status(status=_Status.SERVICE_UNKNOWN)
        while True:
            state = lifecycle.state
            yield answer() if service in known else unknown
            if state is State.DRAINING:  # and that has been said
                return
            await lifecycle.left(state)

    serialize = _Status.SerializeToString
    return {
        "Check": grpc.unary_unary_rpc_method_handler(check, response_serializer=serialize),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, response_serializer=serialize),
    }


async def _service(data: bytes, context: Context) -> str:
    """Whose health is asked. Read here: what the library cannot read, it calls a bug of ours."""
    try:
        name: str = parse(health_pb2.HealthCheckRequest, data).service
    except InferenceError as error:
        await abort(context, error)
        raise
    return name
