"""Hundreds of malformed requests to a real `frazil serve`, in all of its protocols.

Each is answered with an error of its protocol that says something, repeats nothing of what was
sent, and harms nobody: the next good request, on another connection, is answered. At the end the
log knows nothing of it, and the process is as large as before.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fakes.serving import Serving, serving
from integration.malformed import (
    grpc_open_inference,
    grpc_tf_serving,
    http1,
    http2,
    rest_v1,
    rest_v2,
)
from integration.malformed.cases import BYTES, CANARY, MODEL, NUMBER, Frames, Http, Rpc
from integration.malformed.model import write_model

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]

SECONDS = 60
# What the allocator keeps of the largest bodies for the next ones; a body that stays is 64 MiB.
GROWTH = 160 * 2**20

HTTP: dict[str, Http] = {
    f"{protocol}, {name}": case
    for protocol, cases in (("v1", rest_v1), ("v2", rest_v2), ("HTTP/1.1", http1))
    for name, case in cases.CASES.items()
}
QUICK = {name: case for name, case in HTTP.items() if not case.slow}
SLOW = {name: case for name, case in HTTP.items() if case.slow}
RPC: dict[str, Rpc] = {
    f"{protocol}, {name}": case
    for protocol, cases in (("TensorFlow Serving", grpc_tf_serving), ("OIP", grpc_open_inference))
    for name, case in cases.CASES.items()
}
LARGE = {
    name: case
    for name, case in (QUICK | RPC).items()
    if "bomb" in name or "beyond the limit" in name
}


@dataclass
class Server:
    """The process: where it listens, and what it has said."""

    process: Serving
    http: tuple[str, int]
    grpc: str
    slow: dict[str, Future[Reply]]
    reader: threading.Thread

    @property
    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.process.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


@dataclass
class Reply:
    """What came back; status 0 where nothing did."""

    status: int = 0
    body: bytes = b""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("malformed")
    write_model(directory)
    flags = (f"--name={MODEL}", "--grpc-port=0", "--allow=string=https://allowed.example/")
    with (
        serving(directory, *flags, seconds=600) as process,
        ThreadPoolExecutor(len(SLOW)) as patient,
    ):
        http = process.address("listening").removeprefix("http://").split(":")
        address = process.wait_for(r"INFO gRPC on (.+)")[1]
        process.wait_for("ready in")
        reader = threading.Thread(target=read, args=[process], daemon=True)
        reader.start()
        server = Server(process, (http[0], int(http[1])), address, {}, reader)
        server.slow |= {name: patient.submit(ask, server, case) for name, case in SLOW.items()}
        yield server


def read(process: Serving) -> None:
    """Keep what the process says: a pipe that is full would stop it."""
    assert process.process.stderr is not None
    process.lines.extend(process.process.stderr)


def ask(server: Server, case: Http) -> Reply:
    """Send a request on a connection of its own, and read what comes back."""
    with socket.create_connection(server.http, SECONDS) as connection:
        with suppress(OSError):  # who refuses early may stop to listen
            connection.sendall(case.data)
            if case.half:
                connection.shutdown(socket.SHUT_WR)
        data = b""
        with suppress(ConnectionError):
            while not (whole := parsed(data)) and (more := connection.recv(65536)):
                data += more
        return whole or Reply()


def parsed(data: bytes) -> Reply | None:
    """The first answer, once it is whole."""
    head, end, body = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    size = int(length[1]) if length else len(body)
    if not end or len(body) < size:
        return None
    return Reply(int(head.split()[1]), body[:size])  # the answer to what follows may be there, too


def check(case: Http, reply: Reply) -> None:
    assert reply.status == case.status, reply
    if not case.status:
        assert not reply.body
        return
    if reply.body.startswith(b"{"):
        message = json.loads(reply.body)["error"]
    else:  # of a request that is none, nobody knows the protocol
        message = reply.body.decode()
        assert case.text == ""
    assert message
    assert case.text in message
    assert len(reply.body) < 8192
    assert is_silent(reply.body)


def is_silent(answer: bytes) -> bool:
    """Whether it repeats nothing of what was sent."""
    return BYTES not in answer.lower() and str(NUMBER).encode() not in answer


def check_http(server: Server) -> None:
    """The next one is served."""
    reply = ask(server, Http(rest_v1.GOOD, 200))
    assert (reply.status, reply.body) == (200, rest_v1.ANSWER)


@pytest.mark.parametrize("case", QUICK.values(), ids=QUICK)
def test_over_http(server: Server, case: Http) -> None:
    check(case, ask(server, case))
    check_http(server)


def call(server: Server, case: Rpc) -> bytes | grpc.RpcError:
    """Call on a connection of its own."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.insecure_channel(server.grpc, options) as channel:
        try:
            stub = channel.unary_unary(f"/{case.method}")
            answer: bytes = stub(case.message, timeout=SECONDS, metadata=case.metadata)
            return answer
        except grpc.RpcError as error:
            return error


def check_grpc(server: Server) -> None:
    """The next one is served."""
    answer = call(server, Rpc(f"{grpc_open_inference.SERVICE}/ModelInfer", http2.GOOD, "OK", ""))
    assert isinstance(answer, bytes), answer
    assert b"FP32" in answer


@pytest.mark.parametrize("case", RPC.values(), ids=RPC)
def test_over_grpc(server: Server, case: Rpc) -> None:
    error = call(server, case)
    assert isinstance(error, grpc.RpcError), error
    assert error.code().name == case.code, error
    assert error.details()
    assert case.text in error.details()
    assert len(error.details()) < 8192
    assert is_silent(repr(error).encode())
    check_grpc(server)


def exchange(server: Server, case: Frames) -> str:
    """Send frames on a connection of its own; how it ends, in the order in which that is told."""
    host, port = server.grpc.split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        with suppress(OSError):  # who refuses early may stop to listen
            start = http2.frame(http2.SETTINGS, stream=0) if case.settings else b""
            connection.sendall(http2.PREFACE + start + case.data)
            if case.half:
                connection.shutdown(socket.SHUT_WR)
        return "".join(frames(connection))


def frames(connection: socket.socket) -> Iterator[str]:
    """What the server says, up to the frame that ends the call or the connection."""
    data = b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + (size := int.from_bytes(data[:3])):
            kind, flags, payload = data[3], data[4], data[9 : 9 + size]
            data = data[9 + size :]
            if kind == http2.HEADERS:
                yield payload.decode("latin-1")
                if flags & http2.END_STREAM:
                    return
            elif kind == http2.GOAWAY:
                yield f"GOAWAY {struct.unpack_from('>I', payload, 4)[0]} {payload[8:]!r}"
                return
            elif kind == http2.RST:
                yield f"RST_STREAM {int.from_bytes(payload)}"
                return
        try:
            more = connection.recv(65536)
        except ConnectionError:
            more = b""
        if not more:
            yield "CLOSED"
            return
        data += more


@pytest.mark.parametrize("case", http2.CASES.values(), ids=http2.CASES)
def test_over_http_2(server: Server, case: Frames) -> None:
    told = exchange(server, case)
    assert case.ends in told
    assert is_silent(told.encode())
    check_grpc(server)


def test_there_are_hundreds() -> None:
    assert len(HTTP) + len(RPC) + len(http2.CASES) >= 200


def send(server: Server, case: Http | Rpc | Frames) -> None:
    """Send it, whatever comes back."""
    match case:
        case Http():
            ask(server, case)
        case Rpc():
            call(server, case)
        case Frames():
            exchange(server, case)


def test_all_over_again_makes_the_process_no_larger(server: Server) -> None:
    cases = (*QUICK.values(), *RPC.values(), *http2.CASES.values())
    for case in cases:
        send(server, case)
    before = server.memory
    for case in cases * 2:
        send(server, case)
    assert server.memory < before + GROWTH


@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_let_go(server: Server, case: Http | Rpc) -> None:
    send(server, case)
    before = server.memory
    for _ in range(8):
        send(server, case)
    assert server.memory < before + GROWTH


@pytest.mark.parametrize("name", SLOW)
def test_who_is_slow(server: Server, name: str) -> None:
    check(SLOW[name], server.slow[name].result(SECONDS))
    check_http(server)


def test_the_log_knows_nothing_of_what_was_sent(server: Server) -> None:
    check_http(server)
    check_grpc(server)
    server.process.process.kill()
    server.reader.join()
    text = "".join(server.process.lines)
    assert CANARY not in text
    assert str(NUMBER) not in text
    assert "Traceback" not in text
    assert len(text) < 100_000
