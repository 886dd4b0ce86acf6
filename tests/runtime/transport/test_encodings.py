"""Compressed bodies are read within the limit, and answers are compressed as clients like it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.requests import Body
from frazil_runtime.transport import encodings

BODY = b'{"instances": [[1, 2]]}' * 1000
BARE = zlib.compressobj(wbits=-15)
GZIP, ZLIB, RAW = gzip.compress(BODY), zlib.compress(BODY), BARE.compress(BODY) + BARE.flush()

READ: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", GZIP),
    "deflate": ("deflate", ZLIB),
    "deflate without its head": ("deflate", RAW),
}


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(("encoding", "body"), READ.values(), ids=READ)
def test_what_is_read(encoding: str, body: bytes, kind: type[Body]) -> None:
    assert encodings.inflate(kind(body), encoding, len(BODY)) == BODY


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("gzip", b"", "ends in the middle of its gzip data"),
    "truncated gzip": ("gzip", GZIP[:-9], "ends in the middle of its gzip data"),
    "gzip without its checksum": ("gzip", GZIP[:-1], "ends in the middle of its gzip data"),
    "truncated deflate": ("deflate", ZLIB[:-1], "ends in the middle of its deflate data"),
    "damaged gzip": ("gzip", GZIP[:20] + b"\xff\xff" + GZIP[22:], "is not gzip, or is damaged"),
    "another checksum": ("gzip", GZIP[:-8] + bytes(8), "is not gzip, or is damaged"),
    "plain text": ("gzip", BODY, "is not gzip, or is damaged"),
    "plain text for deflate": ("deflate", BODY, "is not deflate, or is damaged"),
    "deflate for gzip": ("gzip", ZLIB, "is not gzip, or is damaged"),
    "something behind it": ("gzip", GZIP + b"x", "there is more in the request's body"),
    "much behind it": ("gzip", GZIP + bytes(99_999), "there is more in the request's body"),
    "a second body": ("gzip", GZIP + GZIP, "there is more in the request's body"),
}


@pytest.mark.parametrize(("encoding", "body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(encoding: str, body: bytes, words: str) -> None:
    with pytest.raises(InferenceError, match=words) as raised:
        encodings.inflate(body, encoding, 10**6)
    assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(("encoding", "body"), READ.values(), ids=READ)
def test_what_is_larger_than_the_limit_is_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(InferenceError, match=f"larger than {len(BODY) - 1} bytes") as raised:
        encodings.inflate(body, encoding, len(BODY) - 1)
    assert raised.value.code is Code.PAYLOAD_TOO_LARGE


def test_a_bomb_costs_no_more_memory_than_its_limit() -> None:
    bomb = zlib.compress(bytes(1_000_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(InferenceError):
            encodings.inflate(bomb, "deflate", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


ACCEPTED: dict[str, tuple[str, str]] = {
    "gzip": ("gzip", "gzip"),
    "deflate": ("deflate", "deflate"),
    "the first of equals": ("deflate, gzip", "deflate"),
    "what is liked best": ("deflate;q=0.5, gzip;q=0.8, br", "gzip"),
    "none that is refused": ("gzip;q=0", ""),
    "none of others": ("br, zstd", ""),
    "nothing in particular": ("identity", ""),
    "nothing at all": ("", ""),
    "in capitals": ("GZIP ; q=1.0", "gzip"),
    "by its old name": ("x-gzip", "gzip"),
    "with a weight that is none": ("gzip;q=x", ""),
    "whatever": ("*", ""),
}


@pytest.mark.parametrize(("accept", "encoding"), ACCEPTED.values(), ids=ACCEPTED)
def test_how_an_answer_is_compressed(accept: str, encoding: str) -> None:
    assert encodings.of_answer(accept.encode()) == encoding


@pytest.mark.parametrize(("name", "encoding"), [("GZip", "gzip"), (" deflate", "deflate")])
def test_how_a_body_is_compressed(name: str, encoding: str) -> None:
    assert encodings.of_body(name.encode()) == encoding
    assert encodings.of_body(b"identity") == ""


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "", "\xff"])
def test_another_encoding_is_refused(name: str) -> None:
    with pytest.raises(InferenceError, match="use gzip, deflate or none") as raised:
        encodings.of_body(name.encode("latin-1"))
    assert raised.value.code is Code.UNSUPPORTED_ENCODING


@given(st.binary(max_size=100_000), st.sampled_from(["gzip", "deflate"]))
def test_any_body_comes_back(body: bytes, encoding: str) -> None:
    assert encodings.inflate(encodings.deflate(body, encoding), encoding, len(body)) == body
