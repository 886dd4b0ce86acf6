"""Compressed bodies (RFC 9110, section 8.4): gzip and deflate, both ways."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

from frazil_runtime.errors import Code, InferenceError, invalid
from frazil_runtime.requests import Body
from frazil_runtime.transport.limits import too_large

IDENTITY: Final = ""  # the encoding of what is not compressed

_LEVEL: Final = 1  # numbers as text shrink to half at any level; this is the quickest
_STEP: Final = 16 * 1024  # of what is compressed: it grows to 1000 times its size at most
_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_BARE: Final = -zlib.MAX_WBITS
_NAMES: Final = {"identity": IDENTITY, "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


def of_body(content_encoding: bytes) -> str:
    """What a request's Content-Encoding names: IDENTITY, gzip or deflate."""
    name = content_encoding.decode("latin-1").strip().lower()
    if name not in _NAMES:
        raise InferenceError(
            Code.UNSUPPORTED_ENCODING,
            "the request's Content-Encoding is not supported: use gzip, deflate or none",
        )
    return _NAMES[name]


def of_answer(accept_encoding: bytes) -> str:
    """The encoding that the client likes best of those there are, by its Accept-Encoding."""
    best, liking = IDENTITY, 0.0
    for item in accept_encoding.decode("latin-1").lower().split(","):
        name, _, parameter = item.partition(";")
        encoding = _NAMES.get(name.strip(), IDENTITY)
        weight = _weight(parameter)
        if encoding and weight > liking:
            best, liking = encoding, weight
    return best


def inflate(body: Body, encoding: str, limit: int) -> bytes:
    """What was compressed. Stops where it is more than ``limit`` bytes, and holds no more of it.

    PAYLOAD_TOO_LARGE then; INVALID_ARGUMENT where it is damaged, incomplete, or followed by more.
    """
    inflating = zlib.decompressobj(_window(body, encoding))
    pieces: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(body), _STEP):
            pieces.append(inflating.decompress(body[start : start + _STEP], limit + 1 - size))
            size += len(pieces[-1])
            if size > limit:
                raise too_large(limit)
            if inflating.eof and (inflating.unused_data or start + _STEP < len(body)):
                raise invalid(f"there is more in the request's body than its {encoding} data")
    except zlib.error:
        raise invalid(f"the request's body is not {encoding}, or is damaged") from None
    if not inflating.eof:
        raise invalid(f"the request's body ends in the middle of its {encoding} data")
    return b"".join(pieces)


def deflate(body: bytes, encoding: str) -> bytes:
    """Compress an answer."""
    if encoding == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL)


def _window(body: Body, encoding: str) -> int:
    """How zlib is to read it: "deflate" is zlib's format, but some send it without its head."""
    if encoding == "gzip":
        return _GZIP
    has_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _ZLIB if has_head else _BARE


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
