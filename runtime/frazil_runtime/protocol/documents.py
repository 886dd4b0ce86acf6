"""JSON documents of untrusted clients, read and written."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from frazil_runtime.errors import invalid
from frazil_runtime.protocol import numbers, regular
from frazil_runtime.requests import Body

MESSAGE: Final = 2048  # characters of an error's text: names in it may be the client's too

# What RFC 8259 has no number for, and what TensorFlow Serving reads and writes all the same.
_NUMBER_TOKEN: Final = re.compile(rb"NaN|Infinity")
_ITEMS: Final = 256
_KINDS: Final = {
    dict: "an object",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: Body) -> Any:
    """The value of a JSON document in UTF-8; NaN, Infinity and -Infinity are numbers.

    A whole number that fits no 64 bits becomes a float. A regular list of numbers may be an array
    (see ``regular``), or ``Numbers`` where it is long.
    INVALID_ARGUMENT where ``body`` is no JSON, or is nested too deep to be read (1024 levels, fewer
    beside a NaN).
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    if len(body) >= regular.LEAST:
        quick = numbers.parse if len(body) >= numbers.LONG else regular.parse
        if (value := quick(body)) is not None:
            return value
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not _NUMBER_TOKEN.search(body):
            raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    return _parse_with_tokens(body)


def write(value: object) -> bytes:
    """Compact JSON; numpy arrays are lists, and what is not finite in them is null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def long_list(items: list[Any]) -> object:
    """The list itself, or its text, written in pieces between which the interpreter is free."""
    if len(items) <= _ITEMS:
        return items
    pieces = (items[start : start + _ITEMS] for start in range(0, len(items), _ITEMS))
    return orjson.Fragment(b"[%s]" % b",".join([write(piece)[1:-1] for piece in pieces]))


def error(message: str) -> bytes:
    """``{"error": message}``, the error document of both REST protocols; long texts are cut."""
    text = message if len(message) <= MESSAGE else message[:MESSAGE] + "…"
    return json.dumps({"error": text}, ensure_ascii=False).encode(errors="replace")


def kind(value: object) -> str:
    """What sort of value a client has sent: error messages say that, and never the value."""
    return _KINDS.get(type(value), "a list")  # lists of numbers have types of their own


def _parse_with_tokens(body: Body) -> Any:
    """The standard library's parser knows the tokens, at a fifth of the speed."""
    try:
        value = json.loads(body.decode())
        if _SURROGATE.search(body):  # half a pair is no text: it could be neither used nor echoed
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except ValueError as error:  # no UTF-8, half a surrogate pair, a number of 5000 digits
        raise invalid(f"JSON Parse error: {error}") from None
    except RecursionError:
        raise invalid("JSON Parse error: nested too deep") from None
    return value
