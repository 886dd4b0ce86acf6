"""Compressed requests over gRPC, inflated within a bound.

gRPC's own inflation knows none: 64 MiB may become 64 GiB. So it is switched off, and messages come
as they were sent.
"""

from __future__ import annotations

from frazil_runtime.transport.encodings import inflate
from frazil_runtime.transport.limits import too_large


def inflated(data: bytes, max_bytes: int) -> bytes:
    """The message in ``data``, which is compressed if it begins as no message of ours does.

    Gzip's magic is no tag of protobuf's, and zlib's is that of field 15, which no request has.
    PAYLOAD_TOO_LARGE where it has more than ``max_bytes``, compressed or not.
    """
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if data[:2] == b"\x1f\x8b":
        return inflate(data, "gzip", max_bytes)
    if len(data) > 2 and data[0] == 0x78 and int.from_bytes(data[:2], "big") % 31 == 0:
        return inflate(data, "deflate", max_bytes)
    return data
