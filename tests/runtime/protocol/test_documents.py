"""JSON from clients who may send anything, and JSON for clients who may read anything."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import documents
from frazil_runtime.requests import Body

REFUSED = {
    "an empty body is refused in TensorFlow Serving's words": (
        b"",
        "JSON Parse error: The document is empty",
    ),
    "what is no JSON is refused with its place": (b'{"a": }', "at offset: 6"),
    "a document that ends early is refused": (b'{"a": [1, 2', "at offset: 11"),
    "what follows the document is refused": (b"[1] [2]", "at offset: 4"),
    "what is no UTF-8 is refused": (b'"\xff"', "JSON Parse error"),
    "what is no UTF-8 is refused beside a NaN": (b'["\xff", NaN]', "JSON Parse error"),
    "half a surrogate pair is refused": (rb'"\ud800"', "JSON Parse error"),
    "half a surrogate pair is refused beside a NaN": (rb'[NaN, "\ud800"]', "JSON Parse error"),
    "10,000 lists in each other are refused": (b"[" * 10_000, "JSON Parse error"),
    "10,000 closed lists in each other are refused": (
        b"[" * 10_000 + b"]" * 10_000,
        "JSON Parse error",
    ),
    "10,000 lists around a NaN are refused": (
        b"[" * 10_000 + b"NaN" + b"]" * 10_000,
        "nested too deep",
    ),
    "10,000 objects in each other are refused": (b'{"a":' * 10_000, "JSON Parse error"),
    "a number of 5,000 digits is refused beside a NaN": (
        b"[NaN, " + b"9" * 5_000 + b"]",
        "JSON Parse error",
    ),
    "a number that no float holds is refused": (b"[1e999]", "JSON Parse error"),
}


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(("body", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(body: bytes, text: str, kind: type[Body]) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        documents.parse(kind(body))
    assert raised.value.code is Code.INVALID_ARGUMENT


READ = {
    "numbers keep their kind": (b"[1, 1.0, 1e0]", [1, 1.0, 1.0]),
    "a whole number beyond 64 bits is a float": (b"[18446744073709551616]", [2.0**64]),
    "the infinities are numbers": (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
    "the last of two equal keys counts": (b'{"a": 1, "a": 2}', {"a": 2}),
    "a pair of surrogates is one character": (rb'[Infinity, "\ud83d\ude00"]', [math.inf, "😀"]),
}


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(("body", "value"), READ.values(), ids=READ)
def test_what_is_read(body: bytes, value: object, kind: type[Body]) -> None:
    read = documents.parse(kind(body))
    assert read == value
    assert list(map(type, read)) == list(map(type, value))  # type: ignore[call-overload]


def test_a_nan_token_is_a_number() -> None:
    assert math.isnan(documents.parse(b'{"a": NaN}')["a"])


def test_a_nan_in_text_is_text() -> None:
    assert documents.parse(b'{"a": "NaN"}') == {"a": "NaN"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(st.binary())
def test_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InferenceError):
        documents.parse(body)


KINDS: dict[str, Any] = {
    "an object": {"a": 1},
    "a list": [1],
    "text": "a",
    "a number": 0.5,
    "true or false": False,
    "null": None,
}


@pytest.mark.parametrize(("kind", "value"), KINDS.items(), ids=KINDS)
def test_a_value_is_told_by_its_kind_alone(kind: str, value: Any) -> None:
    assert documents.kind(value) == kind


@pytest.mark.parametrize("text", [b"[%s]" % b",".join([b"1"] * n) for n in (300, 300_000)])
def test_a_long_list_of_numbers_is_a_list_whatever_it_became(text: bytes) -> None:
    assert documents.kind(documents.parse(text)) == "a list"


@given(st.text(st.characters(codec=None)))
def test_any_text_makes_an_error_document(text: str) -> None:
    assert isinstance(json.loads(documents.error(text))["error"], str)


def test_a_long_error_is_cut() -> None:
    assert len(documents.error("x" * 10_000_000)) < 3_000


def test_arrays_are_written_as_lists_and_float32_without_noise() -> None:
    assert documents.write({"a": np.float32([0.1, np.nan])}) == b'{"a":[0.1,null]}'
