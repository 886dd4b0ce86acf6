"""Sockets that exist before the server does."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from frazil_runtime.listeners import ListenError, Listeners, address


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    bound = Listeners.bind("127.0.0.1", admin_port=0, http_port=0)
    yield bound
    bound.admin.close()
    bound.http.close()


def test_a_probe_can_connect_before_anything_serves(listeners: Listeners) -> None:
    with socket.create_connection(listeners.admin.getsockname()):
        pass


def test_a_client_is_refused_until_the_model_is_ready(listeners: Listeners) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(listeners.http.getsockname())


def test_addresses_are_those_that_were_bound(listeners: Listeners) -> None:
    assert address(listeners.http) == f"127.0.0.1:{listeners.http.getsockname()[1]}"
    with socket.socket(socket.AF_INET6) as six:
        six.bind(("::1", 0))
        assert address(six) == f"[::1]:{six.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("192.0.2.1", 0, id="an address that is not ours"),
        pytest.param("127.0.0.1", 65536, id="a port that does not exist"),
        pytest.param("localhost.invalid", 0, id="a name that means nothing"),
    ],
)
def test_an_address_that_cannot_be_had_is_named(host: str, port: int) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on {host} port {port}: "):
        Listeners.bind(host, admin_port=port, http_port=0)
