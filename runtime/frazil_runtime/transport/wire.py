"""How an answer begins on an HTTP/1.1 connection."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from frazil_runtime.transport.exchanges import Headers

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_CLOSE: Final = b"connection: close\r\n"


def head(status: int, headers: Headers, length: int, *, last: bool, own: Headers = ()) -> bytes:
    """The status line and all headers. ``length`` is the body's in bytes; ``last``: the connection
    ends with it. ``headers`` come again and again, ``own`` never do."""
    start, date = _start(status, headers), _date(int(time.time()))
    more = _lines(own) if own else b""
    end = _CLOSE if last else b""
    return b"%s%s%scontent-length: %d\r\n%s\r\n" % (start, more, date, length, end)


@lru_cache(maxsize=256)
def _start(status: int, headers: Headers) -> bytes:
    return b"HTTP/1.1 %d %s\r\n%s" % (status, _reason(status), _lines(headers))


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%s: %s\r\n" % header for header in headers])


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    return b"date: %s\r\n" % formatdate(seconds, usegmt=True).encode()


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
