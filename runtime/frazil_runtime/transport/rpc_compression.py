"""Compressed requests over gRPC, inflated within a bound.

gRPC's own inflation knows none: 64 MiB may become 64 GiB. So it is switched off, and messages come
as they were sent.
"""

from __future__ import annotations

import zlib
from typing import Final

from frazil_runtime.errors import Code, InferenceError, invalid

_AUTOMATIC: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, as its header says


def inflated(data: bytes, max_bytes: int) -> bytes:
    """The message in ``data``, which is compressed if it begins as no message of ours does."""
    if not _is_compressed(data):
        return data
    reader = zlib.decompressobj(_AUTOMATIC)
    try:
        message = reader.decompress(data, max_bytes + 1)
    except zlib.error:
        raise invalid("the request's compression is damaged") from None
    if len(message) > max_bytes:
        raise InferenceError(
            Code.RESOURCE_EXHAUSTED,
            f"the request is larger than {max_bytes} bytes once it is inflated: send fewer rows at "
            "a time, or have the limit raised",
        )
    if not reader.eof:
        raise invalid("the request's compression is cut off")
    return message


def _is_compressed(data: bytes) -> bool:
    """Gzip's magic is no tag of protobuf's; zlib's is the tag of field 15, which no request has."""
    if data[:2] == b"\x1f\x8b":
        return True
    return len(data) > 2 and data[0] == 0x78 and (data[0] << 8 | data[1]) % 31 == 0
