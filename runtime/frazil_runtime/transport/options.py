"""What the headers of a request say besides its path and its length."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from frazil_runtime.contract import TIMEOUT_HEADER
from frazil_runtime.errors import invalid
from frazil_runtime.requests import InferRequest
from frazil_runtime.transport import encodings

JSON_BYTES: Final = b"inference-header-content-length"  # of a document that binary data follows

_MILLISECONDS: Final = re.compile(rb"\d{1,12}(\.\d{1,6})?")
_DIGITS: Final = re.compile(rb"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Options:
    """``timeout`` in seconds; ``body`` and ``answer`` are how these are, or may be, compressed."""

    timeout: float | None = None
    stored: bool = True
    json_bytes: int | None = None
    body: str = encodings.IDENTITY
    answer: str = encodings.IDENTITY

    def applied(self, request: InferRequest) -> InferRequest:
        """The request as it is to be run: of two timeouts the shorter holds."""
        if self.timeout is None and self.stored:
            return request
        timeouts = [limit for limit in (self.timeout, request.timeout) if limit is not None]
        return replace(request, timeout=min(timeouts, default=None), stored=self.stored)


NONE: Final = Options()


def read(headers: Mapping[bytes, bytes]) -> Options:
    """The options in headers of lower-case names; InferenceError where one makes no sense."""
    if headers.keys().isdisjoint(_READERS):
        return NONE
    found = {}
    for name in _READERS.keys() & headers.keys():
        field, parse = _READERS[name]
        found[field] = parse(headers[name])
    return Options(**found)


def _timeout(value: bytes) -> float:
    seconds = float(value) / 1000 if _MILLISECONDS.fullmatch(value) else 0
    if not seconds:
        raise invalid(f"{TIMEOUT_HEADER} must be a number of milliseconds above 0, as 250")
    return seconds


def _stored(value: bytes) -> bool:
    return b"no-store" not in [token.strip() for token in value.lower().split(b",")]


def _json_bytes(value: bytes) -> int:
    if not _DIGITS.fullmatch(value):
        raise invalid("Inference-Header-Content-Length must be a whole number of bytes")
    return int(value)


_READERS: Final[dict[bytes, tuple[str, Callable[[bytes], Any]]]] = {
    TIMEOUT_HEADER.lower().encode(): ("timeout", _timeout),
    b"cache-control": ("stored", _stored),
    JSON_BYTES: ("json_bytes", _json_bytes),
    b"content-encoding": ("body", encodings.of_body),
    b"accept-encoding": ("answer", encodings.of_answer),
}
