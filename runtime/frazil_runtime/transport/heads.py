"""The head of a request: what it must say (RFC 9112), and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from httptools import HttpParserError, parse_url

from frazil_runtime.transport.exchanges import Exchange
from frazil_runtime.transport.limits import Limits
from frazil_runtime.transport.parser import Parser

_SHORT: Final = 256  # bytes of a target that is worth remembering

Lines = list[tuple[bytes, bytes]]


def read(
    parser: Parser, target: bytes, lines: Lines, limits: Limits, ready: Callable[[], object]
) -> Exchange:
    """The exchange that begins with the head that ``parser`` has just read.

    HttpParserError where it is one that a server has to refuse, though it can be parsed.
    """
    version, headers = parser.get_http_version(), dict(lines)
    if b"host" not in headers and version == "1.1":
        raise HttpParserError("there is no Host header")
    if len(headers) != len(lines):
        _check_hosts(lines)
    if b"transfer-encoding" in headers:
        _check_coding(lines)
    path = _path(target) if len(target) <= _SHORT else _path.__wrapped__(target)
    exchange = Exchange(parser.get_method().decode("ascii"), path, headers, limits, ready)
    if version == "1.1":
        exchange.keeps = parser.should_keep_alive()
    else:
        exchange.keeps = exchange.expects = False  # older clients know no answers in between
    return exchange


def _check_hosts(lines: Lines) -> None:
    if len([name for name, _ in lines if name == b"host"]) > 1:
        raise HttpParserError("there are several Host headers")


def _check_coding(lines: Lines) -> None:
    """The parser sees to it that "chunked" is the last; here it is the only one."""
    codings = [value.strip().lower() for name, value in lines if name == b"transfer-encoding"]
    if codings != [b"chunked"]:
        raise HttpParserError("the only Transfer-Encoding is chunked")


@lru_cache(maxsize=1024)
def _path(target: bytes) -> str:
    """The path of a request's target, decoded."""
    try:
        path: bytes = parse_url(target).path or b"/"
    except HttpParserError:
        raise HttpParserError("the request's target is no URL") from None
    return unquote(path.decode("ascii"))
