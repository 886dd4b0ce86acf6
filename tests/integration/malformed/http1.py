"""HTTP/1.1 itself: heads, lengths, chunks and compression that are not what they claim to be."""

from __future__ import annotations

import gzip
import zlib

from integration.malformed.cases import BYTES, CANARY, Http, post, sent
from integration.malformed.rest_v1 import PREDICT, rows

BODY = rows("", [[CANARY]])
LIMIT = 64 * 2**20
CHUNKED = "Transfer-Encoding: chunked"


def length(claimed: object, body: bytes = BODY) -> bytes:
    """A request whose Content-Length says something else."""
    return sent("POST", PREDICT, body, f"Content-Length: {claimed}")


def chunked(*chunks: bytes) -> bytes:
    """A request in chunks that are framed already."""
    return sent("POST", PREDICT, b"".join(chunks), CHUNKED)


def chunk(body: bytes) -> bytes:
    """One chunk, well framed."""
    return b"%x\r\n%s\r\n" % (len(body), body)


def coded(encoding: str, body: bytes) -> bytes:
    """A request whose body claims to be compressed."""
    return post(PREDICT, body, f"Content-Encoding: {encoding}")


def bomb(wbits: int, times: int = 1024) -> bytes:
    """A gigabyte of spaces, in a megabyte."""
    packing = zlib.compressobj(9, wbits=wbits)
    spaces = b" " * 2**20
    return b"".join(packing.compress(spaces) for _ in range(times)) + packing.flush()


LAST = b"0\r\n\r\n"
ZIPPED = gzip.compress(BODY, mtime=0)
DEFLATED = zlib.compress(BODY)
BARE_BOMB, GZIP_BOMB, ZLIB_BOMB = (bomb(w) for w in (-15, 31, 15))

HEADS: dict[str, Http] = {
    "plain text": Http(b"%s\r\n\r\n" % BYTES, 400),
    "the beginning of TLS": Http(
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + BYTES + b"\r\n\r\n", 400
    ),
    "a redis command": Http(b"*1\r\n$4\r\nPING\r\n\r\n", 400),
    "the preface of HTTP/2": Http(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a line without a version": Http(b"POST " + PREDICT.encode() + b"\r\n\r\n", 400),
    "HTTP/9.9": Http(b"POST / HTTP/9.9\r\nHost: ice\r\n\r\n", 400),
    "a method that there is not": Http(b"GUESS / HTTP/1.1\r\nHost: ice\r\n\r\n", 400),
    "a method in lower case": Http(b"post / HTTP/1.1\r\nHost: ice\r\n\r\n", 400),
    "a header without a colon": Http(b"POST / HTTP/1.1\r\n%s\r\n\r\n" % BYTES, 400),
    "a header of NULs": Http(b"POST / HTTP/1.1\r\nHost: ice\r\nX: \0%s\r\n\r\n" % BYTES, 400),
    "a header's name with a space": Http(b"POST / HTTP/1.1\r\nX Y: %s\r\n\r\n" % BYTES, 400),
    "a carriage return alone": Http(b"POST / HTTP/1.1\rHost: %s\r\n\r\n" % BYTES, 400),
    "a tunnel": Http(b"CONNECT ice:80 HTTP/1.1\r\nHost: ice\r\n\r\n", 400),
    "a timeout that is a text": Http(
        post(PREDICT, BODY, f"X-Request-Timeout-Ms: {CANARY}"), 400, "number of milliseconds"
    ),
    "a timeout of 0": Http(post(PREDICT, BODY, "X-Request-Timeout-Ms: 0"), 400, "milliseconds"),
    "a negative timeout": Http(post(PREDICT, BODY, "X-Request-Timeout-Ms: -5"), 400, "millisec"),
    "headers of a megabyte": Http(
        sent("GET", "/v2", b"", *(f"X-{n}: {CANARY * 80}" for n in range(1000))), 0
    ),
    "a path of a megabyte": Http(b"GET /%s HTTP/1.1\r\nHost: ice\r\n\r\n" % (BYTES * 80_000), 0),
}

LENGTHS: dict[str, Http] = {
    "a length that is a text": Http(length(CANARY), 400),
    "a negative length": Http(length(-1), 400),
    "a length with a sign": Http(length("+5"), 400),
    "a length that is a fraction": Http(length("5.0"), 400),
    "a length in base 16": Http(length("0x10"), 400),
    "a length of 2**64": Http(length(2**64), 400),
    "a length of 100 digits": Http(length("9" * 100), 400),
    "two lengths": Http(length("5\r\nContent-Length: 6"), 400),
    "two lengths in one": Http(length("5, 6"), 400),
    "a length beside chunks": Http(
        sent("POST", PREDICT, chunk(BODY) + LAST, f"Content-Length: {len(BODY)}", CHUNKED), 400
    ),
    "a length that is too short": Http(length(9), 400),
    "a length beyond the limit": Http(length(LIMIT + 1), 413, "larger than 67108864 bytes"),
    "a length of 2**62": Http(length(2**62), 413, "larger than 67108864 bytes"),
    "a length beyond the limit, and a client that asks first": Http(
        sent("POST", PREDICT, b"", f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"), 413
    ),
    "a length of 0": Http(length(0, b""), 400, "The document is empty"),
    "no length": Http(sent("POST", PREDICT, b""), 400, "The document is empty"),
    "a length that is too long, and the client's end": Http(length(9999), 0, half=True),
    "no body behind a length, and the client's end": Http(length(9999, b""), 0, half=True),
    "half a head, and the client's end": Http(length(9)[:40], 0, half=True),
    "nothing, and the client's end": Http(b"", 0, half=True),
}

CHUNKS: dict[str, Http] = {
    "a chunk's size that is a text": Http(chunked(BYTES + b"\r\n", BODY), 400),
    "a chunk without a size": Http(chunked(b"\r\n", BODY), 400),
    "a negative chunk": Http(chunked(b"-5\r\n", BODY), 400),
    "a chunk of 2**64 bytes": Http(chunked(b"1%s\r\n" % (b"0" * 16), BODY), 400),
    "a chunk that is longer than its size": Http(chunked(b"5\r\n", BODY, b"\r\n", LAST), 400),
    "chunks that are no document": Http(chunked(chunk(b"{"), chunk(BYTES), LAST), 400, "JSON"),
    "a byte a chunk, and no document": Http(
        chunked(*(chunk(b"[") for _ in range(20_000)), LAST), 400, "JSON Parse error"
    ),
    "chunks beyond the limit": Http(
        chunked(*[chunk(b" " * 2**20)] * 65, LAST), 413, "larger than 67108864 bytes"
    ),
    "no chunks": Http(chunked(LAST), 400, "The document is empty"),
    "another transfer encoding": Http(
        sent("POST", PREDICT, BODY, f"Transfer-Encoding: {CANARY}"), 400
    ),
    "a chunk, and the client's end": Http(chunked(chunk(BODY)), 0, half=True),
    "half a chunk, and the client's end": Http(chunked(chunk(BODY)[:9]), 0, half=True),
}

COMPRESSED: dict[str, Http] = {
    "an encoding that there is not": Http(coded(CANARY, BODY), 415, "use gzip, deflate or none"),
    "brotli": Http(coded("br", BODY), 415, "use gzip, deflate or none"),
    "two encodings": Http(coded("gzip, deflate", ZIPPED), 415, "use gzip, deflate or none"),
    "gzip that is plain text": Http(coded("gzip", BODY), 400, "is not gzip"),
    "gzip that is deflate": Http(coded("gzip", DEFLATED), 400, "is not gzip"),
    "gzip that is nothing": Http(coded("gzip", b""), 400, ""),
    "gzip that is cut off": Http(coded("gzip", ZIPPED[:-9]), 400, "in the middle of its gzip"),
    "gzip's head alone": Http(coded("gzip", ZIPPED[:10]), 400, "in the middle of its gzip"),
    "gzip with another checksum": Http(coded("gzip", ZIPPED[:-8] + b"\0" * 8), 400, "damaged"),
    "gzip with a byte changed": Http(coded("gzip", ZIPPED[:12] + b"\xff" + ZIPPED[13:]), 400),
    "gzip and something else": Http(coded("gzip", ZIPPED + BYTES), 400, "there is more"),
    "gzip twice": Http(coded("gzip", ZIPPED * 2), 400, "there is more"),
    "gzip in gzip": Http(coded("gzip", gzip.compress(ZIPPED)), 400, "JSON Parse error"),
    "gzip of what is no call": Http(coded("gzip", gzip.compress(BYTES)), 400, "JSON Parse error"),
    "deflate that is plain text": Http(coded("deflate", BODY), 400, "is not deflate"),
    "deflate that is cut off": Http(coded("deflate", DEFLATED[:-5]), 400, "in the middle of its"),
    "deflate with another checksum": Http(coded("deflate", DEFLATED[:-4] + b"\0" * 4), 400, "dama"),
    "deflate and something else": Http(coded("deflate", DEFLATED + BYTES), 400, "there is more"),
    "a bomb of a gigabyte": Http(coded("gzip", GZIP_BOMB), 413, "larger than 67108864 bytes"),
    "a bomb of a gigabyte in deflate": Http(coded("deflate", ZLIB_BOMB), 413, "larger than"),
    "a bomb of a gigabyte in bare deflate": Http(coded("deflate", BARE_BOMB), 413, "larger than"),
    "a bomb in chunks": Http(
        sent("POST", PREDICT, chunk(GZIP_BOMB) + LAST, CHUNKED, "Content-Encoding: gzip"),
        413,
        "larger than",
    ),
}

SLOW: dict[str, Http] = {
    "a client that says nothing": Http(b"", 0, slow=True),
    "a head that stops half way": Http(length(9)[:40], 0, slow=True),
    "a head whose last line is missing": Http(length(9)[: -len(BODY) - 2], 0, slow=True),
    "a body that does not come": Http(length(9999, b""), 408, "came too slowly", slow=True),
    "a body that stops half way": Http(length(9999), 408, "came too slowly", slow=True),
    "a body whose last byte is missing": Http(length(len(BODY) + 1), 408, "slowly", slow=True),
    "a chunk that does not come": Http(chunked(), 408, "came too slowly", slow=True),
    "a chunk that stops half way": Http(chunked(chunk(BODY)[:9]), 408, "slowly", slow=True),
    "chunks without an end": Http(chunked(chunk(BODY)), 408, "came too slowly", slow=True),
    "a compressed body that stops half way": Http(
        sent("POST", PREDICT, ZIPPED[:9], "Content-Encoding: gzip", "Content-Length: 99"),
        408,
        "came too slowly",
        slow=True,
    ),
}

CASES: dict[str, Http] = {
    **{f"heads: {name}": case for name, case in HEADS.items()},
    **{f"lengths: {name}": case for name, case in LENGTHS.items()},
    **{f"chunks: {name}": case for name, case in CHUNKS.items()},
    **{f"compressed: {name}": case for name, case in COMPRESSED.items()},
    **{f"slow: {name}": case for name, case in SLOW.items()},
}
