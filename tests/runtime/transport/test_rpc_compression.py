"""Compressed messages: which they are, and how large they may become."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from google.protobuf.message_factory import GetMessageClass

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol.messages import POOL, message_class, parse
from frazil_runtime.transport.rpc_compression import inflated

MESSAGE = message_class("inference.ModelInferRequest")(model_name="a" * 1000).SerializeToString()
COMPRESS = pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])


@COMPRESS
def test_what_is_compressed_is_inflated(compress: Callable[[bytes], bytes]) -> None:
    assert inflated(compress(MESSAGE), len(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("data", [MESSAGE, b"", b"\x1f", b"\x78\x9c"])
def test_what_is_not_is_left(data: bytes) -> None:
    assert inflated(data, len(data)) is data


def test_what_is_too_large_is_refused_however_it_came() -> None:
    for data in (MESSAGE, gzip.compress(MESSAGE)):
        with pytest.raises(InferenceError) as raised:
            inflated(data, len(MESSAGE) - 1)
        assert raised.value.code is Code.PAYLOAD_TOO_LARGE


def test_no_request_begins_as_compressed_ones_do() -> None:
    services = ("tensorflow.serving.PredictionService", "inference.GRPCInferenceService")
    for service in services:
        for method in POOL.FindServiceByName(service).methods:
            kind = GetMessageClass(method.input_type)
            with pytest.raises(InferenceError):
                parse(kind, gzip.compress(b""))
            assert 0x78 >> 3 not in {field.number for field in kind.DESCRIPTOR.fields}


@COMPRESS
def test_what_would_grow_too_large_is_not_inflated(compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(InferenceError, match="larger than 1000 bytes") as raised:
            inflated(bomb, 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raised.value.code in (Code.RESOURCE_EXHAUSTED, Code.PAYLOAD_TOO_LARGE)
    assert peak < 1024 * 1024


@COMPRESS
def test_what_is_cut_off_is_invalid(compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InferenceError) as raised:
        inflated(compress(MESSAGE)[:-1], len(MESSAGE))
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_what_is_damaged_is_invalid() -> None:
    with pytest.raises(InferenceError) as raised:
        inflated(gzip.compress(MESSAGE)[:10] + bytes(10), len(MESSAGE))
    assert raised.value.code is Code.INVALID_ARGUMENT
