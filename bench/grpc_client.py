"""A plain gRPC client of one model, for the load: one channel, and nothing asked twice.

Stock clients repeat what the server says it has not begun, and what has not left them when their
connection ends ("transparent retries"), and that would be fair; these do not even that, so that
each request that meets a connection's end is seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import numpy as np

from bench.answer import TIMEOUT_SECONDS, Answer
from frazil_runtime.contract import GRPC_PORT, REVISION_HEADER
from frazil_runtime.protocol.messages import message_class

SERVICE = "inference.GRPCInferenceService"
OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share a connection
    ("grpc.enable_http_proxy", 0),
)

READY, IDLE = grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.IDLE
T = TypeVar("T")


class GrpcClient:
    """One channel to the model, at ``port`` of the host in its predict URL.

    ``rows`` are its inputs, float32, one request each. The channel lives on ``loop``, which
    another thread runs: no other interface of gRPC tells of each change of a channel's state.
    """

    def __init__(
        self, url: str, rows: np.ndarray, loop: asyncio.AbstractEventLoop, port: int = GRPC_PORT
    ) -> None:
        parts = urlsplit(url)
        self._loop = loop
        self._target = f"{parts.hostname}:{port}"
        self._model = parts.path.rsplit("/", 1)[-1].removesuffix(":predict")
        self._left = False  # whether the channel has lost its connection since the last request
        self._opened = self._sent = 0.0
        name = self._do(self._open())
        self._requests = [_request(self._model, name, row) for row in rows]

    def ask(self, row: int) -> Answer:
        """Send one request and wait for its answer; what goes wrong is in the answer."""
        return self._do(self._ask(row))

    def close(self) -> None:
        """Close the channel."""
        self._do(self._close())

    async def _open(self) -> str:
        """Make the channel; the name of the model's input, asked over one of its own."""
        async with grpc.aio.insecure_channel(self._target, OPTIONS) as channel:
            kind = message_class("inference.ModelMetadataRequest")
            told = await _call(channel, "ModelMetadata", kind(name=self._model))
        self._channel = grpc.aio.insecure_channel(self._target, OPTIONS)
        self._watching = asyncio.create_task(self._watch())
        return str(told.inputs[0].name)

    async def _close(self) -> None:
        self._watching.cancel()
        await self._channel.close()

    async def _ask(self, row: int) -> Answer:
        now = time.time()
        answer = Answer("grpc", row, opened=self._connection(now), sent=now)
        self._sent = now
        call = _call(self._channel, "ModelInfer", self._requests[row])
        try:
            told = await call
            headers = dict(await call.initial_metadata())
            answer.revision = str(headers.get(REVISION_HEADER.lower(), ""))
            answer.outputs = np.frombuffer(told.raw_output_contents[0], np.float32).tolist()
            answer.status = 200
        except grpc.aio.AioRpcError as error:
            answer.error = f"{error.code().name}: {error.details()}"[:200]
        except (IndexError, ValueError) as error:
            answer.error = f"{type(error).__name__}: {error}"
        answer.done = time.time()
        return answer

    def _connection(self, now: float) -> float:
        """When the connection that a request sent now goes over was opened, at the earliest.

        A channel that is idle opens one when it is asked. One that is ready again has got its
        connection since the last request was sent, which asked for it. A request during which a
        connection ends counts as the old one's: it may have gone over that.
        """
        if self._channel.get_state() is IDLE:
            self._opened = now
        elif self._left:
            self._opened = self._sent
        self._left = False
        return self._opened

    async def _watch(self) -> None:
        """Note each time that the channel has lost its connection."""
        while True:
            before = self._channel.get_state()
            await self._channel.wait_for_state_change(before)
            if before is READY or self._channel.get_state() is IDLE:
                self._left = True

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _call(channel: Any, method: str, request: Any) -> Any:
    kind = message_class(f"inference.{method}Response")
    ask = channel.unary_unary(
        f"/{SERVICE}/{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=kind.FromString,
    )
    return ask(request, timeout=TIMEOUT_SECONDS)


def _request(model: str, name: str, row: np.ndarray) -> Any:
    request = message_class("inference.ModelInferRequest")(model_name=model)
    request.inputs.add(name=name, datatype="FP32", shape=[1, *row.shape])
    request.raw_input_contents.append(row.astype(np.float32).tobytes())
    return request
