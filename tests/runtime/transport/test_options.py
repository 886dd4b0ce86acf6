"""What headers ask for."""

from __future__ import annotations

import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.requests import InferRequest
from frazil_runtime.transport import options
from frazil_runtime.transport.options import Options

READ: dict[str, tuple[dict[str, str], Options]] = {
    "nothing": ({"host": "a", "content-type": "application/json"}, Options()),
    "a timeout": ({"x-request-timeout-ms": "250"}, Options(timeout=0.25)),
    "a timeout with a fraction": ({"x-request-timeout-ms": "0.5"}, Options(timeout=0.0005)),
    "no-store": ({"cache-control": "no-store"}, Options(stored=False)),
    "no-store among others": ({"cache-control": "no-cache, No-Store"}, Options(stored=False)),
    "another Cache-Control": ({"cache-control": "no-cache"}, Options()),
    "binary data": ({"inference-header-content-length": "17"}, Options(json_bytes=17)),
    "compression": (
        {"content-encoding": "gzip", "accept-encoding": "deflate"},
        Options(body="gzip", answer="deflate"),
    ),
}


def read(headers: dict[str, str]) -> Options:
    return options.read({name.encode(): value.encode() for name, value in headers.items()})


@pytest.mark.parametrize(("headers", "found"), READ.values(), ids=READ)
def test_what_is_read(headers: dict[str, str], found: Options) -> None:
    assert read(headers) == found


@pytest.mark.parametrize("value", ["", "0", "0.0", "-1", "1s", "1e3", "nan", "inf", "9" * 13, "٣"])
def test_a_timeout_is_a_number_of_milliseconds(value: str) -> None:
    with pytest.raises(InferenceError, match="X-Request-Timeout-Ms must be a number") as raised:
        read({"x-request-timeout-ms": value})
    assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("value", ["", "-1", "1.0", "0x1", "9" * 19, "1 1"])
def test_a_length_is_a_whole_number(value: str) -> None:
    with pytest.raises(InferenceError, match="Inference-Header-Content-Length must be"):
        read({"inference-header-content-length": value})


APPLIED: dict[str, tuple[Options, InferRequest, InferRequest]] = {
    "nothing changes nothing": (
        Options(),
        InferRequest("f", {}, timeout=2.0, priority=1),
        InferRequest("f", {}, timeout=2.0, priority=1),
    ),
    "the header's timeout": (
        Options(timeout=1.0),
        InferRequest("f", {}, priority=1),
        InferRequest("f", {}, timeout=1.0, priority=1),
    ),
    "the shorter of two timeouts": (
        Options(timeout=3.0),
        InferRequest("f", {}, timeout=2.0),
        InferRequest("f", {}, timeout=2.0),
    ),
    "no-store": (
        Options(stored=False),
        InferRequest("f", {}),
        InferRequest("f", {}, stored=False),
    ),
}


@pytest.mark.parametrize(("asked", "before", "after"), APPLIED.values(), ids=APPLIED)
def test_what_a_request_becomes(asked: Options, before: InferRequest, after: InferRequest) -> None:
    assert asked.applied(before) == after
