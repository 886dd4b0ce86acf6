"""HTTP/2 itself, and gRPC's framing in it: RFC 9113, and gRPC's PROTOCOL-HTTP2.md."""

from __future__ import annotations

import struct

from integration.malformed.cases import BYTES, CANARY, MODEL, Frames
from integration.malformed.grpc_open_inference import TYPED, infer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
ACK = END_STREAM = 1
END_HEADERS, PADDED = 4, 8
GOOD = infer(TYPED)
PATH = "/inference.GRPCInferenceService/ModelInfer"


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 1) -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(**others: str) -> bytes:
    """The header block of a call, with some of its fields replaced; empty ones are left out."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": PATH,
        ":authority": "ice",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    fields |= {name.replace("_", "-").replace("-pseudo-", ":"): v for name, v in others.items()}
    return b"".join(literal(name, value) for name, value in fields.items() if value)


def literal(name: str, value: str) -> bytes:
    """A field that no table has (RFC 7541, 6.2.2)."""
    return b"\0" + text(name) + text(value)


def text(value: str) -> bytes:
    """A string as it is (RFC 7541, 5.2)."""
    data, rest = value.encode("latin-1"), len(value) - 127
    if rest < 0:
        return bytes([len(data)]) + data
    size = bytearray(b"\x7f")
    while rest > 127:
        size.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*size, rest]) + data


def call(*frames: bytes, flags: int = END_HEADERS, **others: str) -> bytes:
    """A call's head, and these frames behind it."""
    return frame(HEADERS, head(**others), flags) + b"".join(frames)


def message(data: bytes, flag: int = 0, claimed: int | None = None) -> bytes:
    """A message as gRPC frames it, in a frame that ends the stream."""
    size = len(data) if claimed is None else claimed
    return frame(DATA, struct.pack(">BI", flag, size) + data, END_STREAM)


CASES: dict[str, Frames] = {
    # Frames that cannot be.
    "no settings first": Frames(frame(PING, bytes(8), stream=0), "CLOSED", settings=False),
    "settings of five bytes": Frames(frame(SETTINGS, bytes(5), stream=0), "CLOSED"),
    "settings of a stream": Frames(frame(SETTINGS, b"", stream=1), "CLOSED"),
    "an acknowledgement that says something": Frames(frame(SETTINGS, bytes(6), ACK, 0), "CLOSED"),
    "a window of 2**31": Frames(
        frame(SETTINGS, struct.pack(">HI", 4, 2**31), stream=0), "GOAWAY 3 b'HTTP2 settings error'"
    ),
    "a frame's size of 1": Frames(frame(SETTINGS, struct.pack(">HI", 5, 1), stream=0), "GOAWAY"),
    "a ping of seven bytes": Frames(frame(PING, bytes(7), stream=0), "CLOSED"),
    "a window's update of three bytes": Frames(frame(WINDOW, bytes(3), stream=0), "CLOSED"),
    "a window's update of nothing": Frames(frame(WINDOW, bytes(4), stream=0), "CLOSED"),
    "an end of a stream of three bytes": Frames(
        call() + frame(RST, bytes(3)), "Failed parsing HTTP/2"
    ),
    "a frame of 16 MiB": Frames(b"\xff\xff\xff\0\0\0\0\0\1" + BYTES, "CLOSED"),
    "a head of no stream": Frames(frame(HEADERS, head(), END_HEADERS, 0), "CLOSED", half=True),
    "a head of the server's own stream": Frames(
        frame(HEADERS, head(), END_HEADERS, 2), "CLOSED", half=True
    ),
    "a continuation of nothing": Frames(frame(CONTINUATION, head(), END_HEADERS), "CLOSED"),
    "another frame within a head": Frames(
        frame(HEADERS, head()) + frame(PING, bytes(8), stream=0), "Failed parsing HTTP/2"
    ),
    "a head whose index is in no table": Frames(
        frame(HEADERS, b"\xff\xff\xff\x7f", 5), "Invalid HPACK index"
    ),
    "a head that is plain text": Frames(frame(HEADERS, BYTES, 5), "Incomplete header"),
    "a head that is cut off": Frames(frame(HEADERS, head()[:-3], 5), "Incomplete header"),
    "a head with a string of 4 GiB": Frames(
        frame(HEADERS, b"\0\x7f\xff\xff\xff\xff\x0f" + BYTES, 5), "integer overflow"
    ),
    "another table of 4 GiB": Frames(
        frame(HEADERS, b"\x3f\xff\xff\xff\xff\x0f", 5), "integer overflow"
    ),
    "plain text": Frames(BYTES * 10, "CLOSED"),
    "HTTP/1.1": Frames(b"POST / HTTP/1.1\r\nHost: ice\r\n\r\n", "CLOSED", settings=False),
    # Calls that cannot be.
    "no path": Frames(call(message(GOOD), _pseudo_path=""), "RST_STREAM"),
    "a path that is a text": Frames(call(message(GOOD), _pseudo_path=CANARY), "grpc-status"),
    "another method": Frames(call(message(GOOD), _pseudo_method="GET"), "RST_STREAM"),
    "no method": Frames(call(message(GOOD), _pseudo_method=""), "RST_STREAM"),
    "no te": Frames(call(message(GOOD), te=""), "RST_STREAM"),
    "a timeout that is a text": Frames(
        call(message(GOOD), grpc_timeout=CANARY), "Error parsing 'grpc-timeout'"
    ),
    "a timeout of 0": Frames(call(message(GOOD), grpc_timeout="0n"), "Deadline Exceeded"),
    "an encoding that there is not": Frames(
        call(message(GOOD, 1), grpc_encoding=CANARY), "Error parsing 'grpc-encoding'"
    ),
    # Messages that are not what they claim.
    # (grpc.aio takes a call that ends without a message for one that was given up, and says
    # nothing: it is over when the client or its connection is.)
    "no message, and the client's end": Frames(call(flags=END_HEADERS | END_STREAM), "", half=True),
    "half a message's head, and the client's end": Frames(
        call(frame(DATA, b"\0\0\0", END_STREAM)), "", half=True
    ),
    "a message that is cut off, and the client's end": Frames(
        call(message(GOOD[:9], claimed=len(GOOD))), "", half=True
    ),
    "a message that is longer than it claims": Frames(
        call(message(GOOD, claimed=9)), "are no inference.ModelInferRequest"
    ),
    "a message of 4 GiB": Frames(call(message(GOOD, claimed=2**32 - 1)), "larger than max"),
    "a message of another flag": Frames(call(message(GOOD, 7)), ""),
    "a message that claims to be compressed": Frames(call(message(GOOD, 1)), "Compression bit set"),
    "a message that claims to be gzip": Frames(
        call(message(BYTES, 1), grpc_encoding="gzip"), "are no inference"
    ),
    "two messages": Frames(
        call(frame(DATA, struct.pack(">BI", 0, len(GOOD)) + GOOD) + message(BYTES)), ""
    ),
    "a padding longer than its frame": Frames(
        call(frame(DATA, b"\xff" + BYTES, END_STREAM | PADDED)), "RST_STREAM"
    ),
    "data after the end": Frames(call(message(b""), message(GOOD)), ""),
    # Clients that leave.
    "a call, and the client's end": Frames(call(), "", half=True),
    "half a head, and the client's end": Frames(frame(HEADERS, head())[:30], "", half=True),
    "a thousand calls that are given up": Frames(
        b"".join(
            frame(HEADERS, head(), END_HEADERS, n) + frame(RST, bytes(4), stream=n)
            for n in range(1, 2001, 2)
        ),
        "",
        half=True,
    ),
    "a thousand settings": Frames(frame(SETTINGS, b"", stream=0) * 1000, "", half=True),
    "a thousand pings": Frames(frame(PING, bytes(8), stream=0) * 1000, "GOAWAY", half=True),
    "ten thousand empty continuations": Frames(
        frame(HEADERS, head()) + frame(CONTINUATION) * 10_000, "", half=True
    ),
}
assert MODEL.encode() in GOOD
