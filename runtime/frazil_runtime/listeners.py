"""The process's sockets, bound before anything slow is imported."""

from __future__ import annotations

import socket
from dataclasses import dataclass

BACKLOG = 2048


class ListenError(Exception):
    """An address is taken or not ours."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """``admin`` is already listening: what connects waits for the server instead of being refused.

    A kubelet whose first probe is refused comes back a second later; one that waits is answered
    at the moment the model is ready. ``http`` is bound only: it is opened once the model is ready.
    """

    admin: socket.socket
    http: socket.socket

    @classmethod
    def bind(cls, host: str, *, admin_port: int, http_port: int) -> Listeners:
        """Bind both ports on ``host``, an address of IPv4 or IPv6; port 0 is any free one.

        ListenError names the address.
        """
        admin, http = _bind(host, admin_port), _bind(host, http_port)
        admin.listen(BACKLOG)
        return cls(admin=admin, http=http)


def address(listener: socket.socket) -> str:
    """``host:port`` as it was really bound."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ListenError(f"cannot listen on {host} port {port}: {error}") from error
    return listener
