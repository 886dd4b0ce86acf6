"""The gRPC port on a free port of this machine, and a channel to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from frazil_runtime.lifecycle import Lifecycle, ModelInfo, State
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Infers, Served
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.transport.admission import Admission
from frazil_runtime.transport.grpc import serving_grpc

MAX_BYTES = 1024 * 1024
SECONDS = 20.0  # after which a call that hangs fails


@dataclass
class GrpcSite:
    """A server that runs, what can be turned on it, and a channel to it."""

    port: int
    lifecycle: Lifecycle
    metrics: Metrics
    channel: Any
    _server: AsyncExitStack
    max_bytes: int = MAX_BYTES  # of a message
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    async def end(self) -> None:
        """End the server; the channel stays. Watches end before it."""
        self.lifecycle.enter(State.DRAINING)
        await self._server.aclose()

    def call(self, method: str, request: object, **options: Any) -> Any:
        """Call ``package.Service/Method`` with a message or bytes; await it for the answer."""
        service, _, name = method.partition("/")
        kind = message_class(ANSWERS.get(name, "inference.{}Response").format(name))
        stub = self.channel.unary_unary(f"/{service}/{name}", response_deserializer=kind.FromString)
        data = request if isinstance(request, bytes) else request.SerializeToString()  # type: ignore[attr-defined]
        return stub(data, timeout=options.pop("timeout", SECONDS), **options)


# Of the calls that are not the Open Inference Protocol's.
ANSWERS = {
    "Predict": "tensorflow.serving.PredictResponse",
    "Classify": "tensorflow.serving.ClassificationResponse",
    "Regress": "tensorflow.serving.RegressionResponse",
    "MultiInference": "tensorflow.serving.MultiInferenceResponse",
    "GetModelMetadata": "tensorflow.serving.GetModelMetadataResponse",
    "GetModelStatus": "tensorflow.serving.GetModelStatusResponse",
    "HandleReloadConfigRequest": "tensorflow.serving.ReloadConfigResponse",
}


@asynccontextmanager
async def grpc_site(
    engine: Infers,
    model: ModelInfo,
    max_bytes: int = MAX_BYTES,
    *,
    admission: Admission | None = None,
    connected: Callable[[int], int] = lambda port: 0,
    **options: float,
) -> AsyncIterator[GrpcSite]:
    """Serve on the loop of the test. At the end nobody is waited for."""
    lifecycle, metrics = Lifecycle(), Metrics()
    lifecycle.enter(State.READY)
    metrics.serves(model)
    async with AsyncExitStack() as server:
        site = GrpcSite(0, lifecycle, metrics, None, server, max_bytes)
        serving = serving_grpc(
            {model.name: Served(model, engine)},
            metrics,
            lifecycle,
            "127.0.0.1:0",
            max_message_bytes=lambda: site.max_bytes,
            hurry=site.hurry,
            admission=admission,
            connected=connected,
            **{"quiet_seconds": 0.0, "grace_seconds": SECONDS} | options,
        )
        site.port = await server.enter_async_context(serving)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{site.port}") as site.channel:
            yield site
        await site.end()
