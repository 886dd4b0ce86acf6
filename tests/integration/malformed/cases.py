"""What a malformed request is: bytes to send, and what has to come back."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# In what is sent, wherever there is room for it; never in an answer, nor in the log.
CANARY = "kanarienvogel"
BYTES = CANARY.encode()
NUMBER = 271828.5

MODEL = "ice"


class Http(NamedTuple):
    """A request over HTTP/1.1 as it goes over the wire.

    ``status`` is 0 where the connection ends without an answer, ``text`` is in the error's message.
    With ``half`` the client closes its side behind ``data``; ``slow`` cases take the server's whole
    patience: they are sent beside all others.
    """

    data: bytes
    status: int
    text: str = ""
    half: bool = False
    slow: bool = False


class Rpc(NamedTuple):
    """A call over gRPC, how it ends, and what is said of that."""

    method: str
    message: bytes
    code: str
    text: str
    metadata: tuple[tuple[str, str], ...] = ()


class Frames(NamedTuple):
    """What follows HTTP/2's preface; ``ends`` is in what the server says at the end.

    That is GOAWAY, RST_STREAM, or a header of the answer; CLOSED where it says nothing.
    """

    data: bytes
    ends: str
    settings: bool = True
    half: bool = False


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request of a known length."""
    return sent("POST", path, body, f"Content-Length: {len(body)}", *headers)


def sent(method: str, path: str, body: bytes, *headers: str) -> bytes:
    """A request with these headers alone, and its host."""
    lines = (f"{method} {path} HTTP/1.1", "Host: ice", *headers, "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def document(**fields: Any) -> bytes:
    """A JSON object."""
    return json.dumps(fields).encode()
