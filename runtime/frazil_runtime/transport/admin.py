"""The admin port: probes and metrics, from before the model is loaded until after the drain."""

from __future__ import annotations

from typing import Final

from frazil_runtime.contract import LIVE_PATH, METRICS_PATH, READY_PATH
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.metrics import CONTENT_TYPE, Metrics
from frazil_runtime.transport.server import Message, Receive, Send

TEXT: Final = "text/plain; charset=utf-8"

# Seconds that a readiness probe is kept waiting while the model warms up, so that the kubelet
# hears of readiness when it happens, not at its next probe. Below the probes' default timeout.
PATIENCE: Final = 0.8


class AdminApp:
    """An ASGI application: GET on three paths."""

    def __init__(self, lifecycle: Lifecycle, metrics: Metrics) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its body."""
        status, content_type, body = await self._answer(scope["path"])
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == LIVE_PATH:
            return 200, TEXT, b"ok\n"
        if path == READY_PATH:
            return await self._ready()
        if path == METRICS_PATH:
            return 200, CONTENT_TYPE, self._metrics.render()
        return 404, TEXT, f"the admin port has {LIVE_PATH} {READY_PATH} {METRICS_PATH}\n".encode()

    async def _ready(self) -> tuple[int, str, bytes]:
        if self._lifecycle.state in (State.LOADING, State.WARMING):
            await self._lifecycle.wait_ready(PATIENCE)
        status = 200 if self._lifecycle.ready else 503
        return status, TEXT, f"{self._lifecycle.state.value}\n".encode()
