"""Whether something answers. Each probe is short: the supervisor asks again and again."""

from __future__ import annotations

import socket
import ssl
import struct
import urllib.request
from urllib.parse import urlsplit

_PATIENCE = 0.5


def answers(target: str) -> bool:
    """Whether the thing at tcp://, unix:// or https:// answers; an empty target always does."""
    try:
        return _ask(target)
    except OSError:  # refused, timed out, no such socket, an HTTP error: all of them "not yet"
        return False


def _ask(target: str) -> bool:
    parts = urlsplit(target)
    if parts.scheme == "tcp":
        socket.create_connection((parts.hostname or "", parts.port or 0), _PATIENCE).close()
    elif parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(parts.path)
    elif parts.scheme == "https":
        # Who answers does not matter here, only whether: nothing secret is sent.
        trusting = ssl._create_unverified_context()
        with urllib.request.urlopen(target, timeout=_PATIENCE, context=trusting) as answer:
            return bool(answer.status == 200)
    return True


def resolves(server: str, name: str) -> bool:
    """Whether a DNS server has an A record for a name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect((server, 53))
            connection.send(query(name))
            return has_address(connection.recv(512))
        except OSError:
            return False


def query(name: str) -> bytes:
    """A DNS question for the A record of a name."""
    header = struct.pack(">6H", 0x4652, 0x0100, 1, 0, 0, 0)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return header + labels + b"\0" + struct.pack(">2H", 1, 1)


def has_address(reply: bytes) -> bool:
    """Whether a DNS reply is without error and holds an answer."""
    if len(reply) < 12:
        return False
    flags, held = int.from_bytes(reply[2:4]), int.from_bytes(reply[6:8])
    return flags & 0x000F == 0 and held > 0
