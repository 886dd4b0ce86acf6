"""The gRPC port: both protocols, health and reflection on one server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection

from frazil_runtime.contract import MIB
from frazil_runtime.lifecycle import Lifecycle
from frazil_runtime.listeners import ListenError
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Models
from frazil_runtime.protocol.messages import new_pool
from frazil_runtime.transport import rpc_health, rpc_open_inference, rpc_tf_serving
from frazil_runtime.transport.admission import Admission, AdmitAll
from frazil_runtime.transport.established import established
from frazil_runtime.transport.rpc import Handlers, Rpc

# kube-proxy balances connections, not requests: see ``terms``. gRPC itself spreads the age by
# 10 %. The grace is for the calls of an old connection; none may be cut off that is being answered.
AGE_SECONDS: Final = 30.0
_AGE_GRACE_SECONDS: Final = 600.0
_SPREAD: Final = 1.1  # of a connection's age

# gRPC's own bound cannot be changed while it serves, and the policy's can: what lies between the
# two is received, and then refused.
MESSAGE_BYTES: Final = 256 * MIB
_MOST_BYTES: Final = 2**31 - 1  # of any message, as protobuf has it

# As much of a call's head, and as long for a connection's first frame, as over HTTP/1.1.
_METADATA_BYTES: Final = 64 * 1024
_HANDSHAKE_MILLISECONDS: Final = 10_000

# Without a call, after which the server may stop.
QUIET_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 60.0  # for what is being answered then; a pod has no more

_LOOK_SECONDS: Final = 0.2  # between two looks whether clients are left
_CODEC_THREADS: Final = 2


@asynccontextmanager
async def serving_grpc(
    models: Models,
    metrics: Metrics,
    lifecycle: Lifecycle,
    address: str,
    *,
    max_message_bytes: Callable[[], int],
    admission: Admission | None = None,
    hurry: asyncio.Event | None = None,
    age_seconds: float = AGE_SECONDS,
    grace_seconds: float = GRACE_SECONDS,
    quiet_seconds: float = QUIET_SECONDS,
    connected: Callable[[int], int] = established,
) -> AsyncIterator[int]:
    """Serve ``models`` on ``address`` (``host:port``; port 0: any) to the end of the block.

    Yields the port. ``max_message_bytes`` is asked at each call; gRPC itself refuses, for the life
    of the process, what is larger than MESSAGE_BYTES, or than the first answer where that is more.
    At the end: serve on until no client is ``connected`` any more, or all connections are new, or
    somebody is in a ``hurry``, then finish what was accepted, for up to ``grace_seconds``.
    ListenError names the address.
    """
    threads = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="grpc-codec")
    most = min(max(MESSAGE_BYTES, max_message_bytes()), _MOST_BYTES)
    server = grpc.aio.server(options=_options(most, age_seconds))
    rpc = Rpc(models, metrics, threads, admission or AdmitAll(), max_message_bytes)
    services = _services(models, rpc, lifecycle)
    for name, handlers in services.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server, _reflected())
    try:
        port: int = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {address}: {error}") from error
    await server.start()
    try:
        yield port
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(age_seconds * _SPREAD):  # then all connections are new
                clients = partial(connected, port)
                await _deserted(rpc, quiet_seconds, hurry or asyncio.Event(), clients)
        await server.stop(grace_seconds)
        threads.shutdown(cancel_futures=True)


async def _deserted(
    rpc: Rpc, quiet_seconds: float, hurry: asyncio.Event, clients: Callable[[], int]
) -> None:
    """Wait until no call has come for a while and no client is left, or somebody is in a ``hurry``.

    A server that stops kills the calls that reach it before its clients have heard of that. A
    connection that has grown old does not: it is told to go, and what was sent meanwhile counts. So
    clients leave by age; that no new ones come is for the endpoint lists to see to.
    """
    while not hurry.is_set():
        left = rpc.last + quiet_seconds - monotonic()
        if left <= 0 and not clients():
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), max(left, _LOOK_SECONDS))


def _services(models: Models, rpc: Rpc, lifecycle: Lifecycle) -> dict[str, Handlers]:
    found = {
        rpc_tf_serving.PREDICTION: rpc_tf_serving.prediction_service(models, rpc),
        rpc_tf_serving.MODEL: rpc_tf_serving.model_service(models, rpc, lifecycle),
        rpc_open_inference.SERVICE: rpc_open_inference.inference_service(models, rpc, lifecycle),
    }
    return found | {rpc_health.SERVICE: rpc_health.health_service(lifecycle, found)}


def _options(max_bytes: int, age_seconds: float) -> tuple[tuple[str, Any], ...]:
    return (
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.per_message_decompression", 0),  # it has no bound: see ``rpc_compression``
        ("grpc.so_reuseport", 0),  # else a port that is taken would be shared in silence
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MILLISECONDS),
        ("grpc.max_connection_age_ms", round(age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(_AGE_GRACE_SECONDS * 1000)),
        # Clients that vanished without a word are found out while a call of theirs is open.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Clients may ask as often whether we are there.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    )


def _reflected() -> Any:
    """What reflection tells of: our own protos, and those of the health service."""
    pool = new_pool()
    file = FileDescriptorProto()
    rpc_health.FILE.CopyToProto(file)
    pool.Add(file)
    return pool
