"""Regular lists of numbers become arrays that hold exactly what any other parser reads."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from fakes.models import manifest, tensor
from hypothesis import example, given, settings
from hypothesis import strategies as st

from frazil_runtime.errors import InferenceError
from frazil_runtime.protocol import documents, regular, tf_serving
from frazil_runtime.protocol.tensors import from_nested
from frazil_runtime.requests import Body

MANY = 100  # numbers: enough for an array


def of(numbers: str) -> bytes:
    """A document that holds these numbers and MANY others."""
    return b'{"a": "b", "x": [%s, %s]}' % (numbers.encode(), ",".join(["1"] * MANY).encode())


KINDS: dict[str, tuple[str, str, list[float]]] = {
    "whole numbers are int64": ("-7, 0", "int64", [-7, 0]),
    "minus nothing is a whole number": ("-0", "int64", [0]),
    "whole numbers beyond int64 are uint64": ("18446744073709551615", "uint64", [2**64 - 1]),
    "one fraction makes floats": ("1, 2.5", "float64", [1.0, 2.5]),
    "an exponent makes floats": ("1e2", "float64", [100.0]),
    "no type of whole numbers has both": ("-1, 9223372036854775808", "float64", [-1, 2.0**63]),
    "a minus is kept": ("-0.0", "float64", [-0.0]),
    "too small a number is nothing": ("1e-400", "float64", [0.0]),
    "the last bit is right": ("9007199254740993.0, 5e-324", "float64", [2.0**53, 5e-324]),
}


@pytest.mark.parametrize(("text", "dtype", "values"), KINDS.values(), ids=KINDS)
def test_the_kind_of_an_array(text: str, dtype: str, values: list[float]) -> None:
    document = regular.parse(of(text))
    assert document is not None
    assert document["a"] == "b"
    assert document["x"].dtype == dtype
    read = document["x"].tolist()[: len(values)]
    assert [(value, math.copysign(1, value)) for value in read] == [
        (value, math.copysign(1, value)) for value in values
    ]


ONES = json.dumps([1] * MANY, separators=(",", ":"))

SHAPES: dict[str, tuple[str, tuple[int, ...]]] = {
    "a list": (ONES, (MANY,)),
    "rows": (f"[{ONES}, {ONES}]", (2, MANY)),
    "one row": (f"[{ONES}]", (1, MANY)),
    "columns of one": (json.dumps([[1]] * MANY), (MANY, 1)),
    "many levels": (f"[[[[{ONES}, {ONES}]]], [[[{ONES}, {ONES}]]]]", (2, 1, 1, 2, MANY)),
    "air": (f" [ {ONES} \n,\t{ONES}\r] ", (2, MANY)),
}


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(("text", "shape"), SHAPES.values(), ids=SHAPES)
def test_the_shape_of_an_array(text: str, shape: tuple[int, ...], kind: type[Body]) -> None:
    document = regular.parse(kind(b'{"x": [{"y": %s}]}' % text.encode()))
    assert document is not None
    assert document["x"][0]["y"].shape == shape


LEFT: dict[str, bytes] = {
    "a whole number of more than 64 bits": of("18446744073709551616"),
    "a number that no float holds": of("1e400"),
    "a NaN": of("NaN"),
    "a truth": of("true"),
    "a null": of("null"),
    "a text": of('"1"'),
    "an object": of("{}"),
    "a list": of("[1]"),
    "an empty list": of("[]"),
    "a row that is longer": of("[1, 2]"),
    "ragged rows": b'{"x": [%s, %s]}' % (ONES.encode(), ONES[:-3].encode() + b"]"),
    "a row that hides a list of one": b'{"x": [%s, [[1], %s]}' % (ONES.encode(), ONES[3:].encode()),
    "a bracket in a text": b'{"x": %s, "y": "["}' % ONES.encode(),
    "a key that is there twice": b'{"x": %s, "x": 1}' % ONES.encode(),
    "a list without an object": ONES.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + of("1"),
    "no JSON": of("1,"),
    "what follows the document": of("1") + b"}",
    "an object in 1,000 objects": b'{"x":' * 1000 + b"1" + b"}" * 1000,
    "many texts": b'{"x": [%s]}' % b",".join([b'""'] * MANY),
    "many keys": orjson.dumps({str(key): 1 for key in range(MANY)}),
}


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT)
def test_what_is_left_to_other_parsers(body: bytes) -> None:
    assert regular.parse(body) is None
    assert regular.parse(of("1")) is not None  # the parser is free again


def test_few_numbers_stay_a_list() -> None:
    assert regular.parse(b'{"shape": [1, 784], "x": []}') == {"shape": [1, 784], "x": []}


REFUSED: dict[str, tuple[str, str, str]] = {
    "a fraction": (
        "int32",
        "1.5",
        "an exponent is not of expected type: int32",
    ),
    "a float": (
        "int64",
        "1.0",
        "an exponent is not of expected type: int64",
    ),
    "no truth": ("bool", "1", "Type: Number is not of expected type: bool"),
    "no text": ("string", "1", "Type: Number is not of expected type: string"),
    "too large": ("int8", "128", "beyond the range of int8"),
    "below zero": ("uint64", "-1", "beyond the range of uint64"),
    "too large for 64 bits": ("int64", "9223372036854775808", "beyond the range of int64"),
    "too large a float": ("float32", "1e39", "beyond the range of float32"),
    "too large a half": ("float16", "65520", "beyond the range of float16"),
    "too large a bfloat16": ("bfloat16", "3.4e38", "beyond the range of bfloat16"),
}


@pytest.mark.parametrize(("dtype", "text", "words"), REFUSED.values(), ids=REFUSED)
def test_an_array_is_no_more_welcome_than_a_list(dtype: str, text: str, words: str) -> None:
    body = (b'{"instances": [' + f"{text},".encode() * (MANY * 6))[:-1] + b"]}"
    assert regular.parse(body) is not None
    with pytest.raises(InferenceError, match=words):
        tf_serving.decode(body, manifest((tensor("x", dtype, (-1,)),)))


def test_rows_in_objects_are_stacked_whatever_their_kinds() -> None:
    halves = ONES.replace("1", "0.5")
    body = f'{{"instances": [{{"x": {ONES}, "n": 7}}, {{"x": {halves}, "n": 8}}]}}'.encode()
    one = manifest((tensor("x", "float32", (-1, MANY)), tensor("n", "int32", (-1,))))
    inputs = tf_serving.decode(body, one).request.inputs
    np.testing.assert_array_equal(inputs["x"], [[1.0] * MANY, [0.5] * MANY])
    assert inputs["n"].tolist() == [7, 8]


WHOLE = st.integers(-(2**63), 2**64 - 1).map(str)
ANY = WHOLE | st.floats(allow_nan=False, allow_infinity=False).map(repr)
WRITTEN = st.sampled_from(["0.1e+5", "1E5", "-0", "-0.0", "1e-400", "0.30000000000000004", "1e22"])
DECIMAL = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})\.[0-9]{1,25}([eE][+-]?[0-9]{1,2})?\Z")


@settings(max_examples=200)
@given(
    st.lists(WHOLE, min_size=1) | st.lists(ANY | WRITTEN | DECIMAL, min_size=1),
    st.sampled_from(["float64", "float32", "float16", "bfloat16", "int64", "uint64", "int16"]),
    st.integers(1, 3),
    st.sampled_from([",", " , ", ",\n"]),
)
def test_any_numbers_read_as_the_reference_reads_them(
    numbers: list[str], dtype: str, rows: int, comma: str
) -> None:
    row = f"[{comma.join(numbers * (MANY // len(numbers) + 1))}]"
    text = f'{{"x": [{comma.join([row] * rows)}]}}'
    array = regular.parse(text.encode())
    assert array is not None, "what is written so is read here"
    x = tensor("x", dtype, None)
    assert _outcome(x, array["x"]) == _outcome(x, orjson.loads(text)["x"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=70) | st.dictionaries(st.text(), children),
)


@example({"": [None], "\0": []})
@given(st.dictionaries(st.text(), JSON))
def test_any_document_reads_as_the_reference_reads_it_or_is_left(value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    read = regular.parse(body)
    if read is not None:
        assert documents.write(read) == documents.write(orjson.loads(body))


def _outcome(x: Any, value: object) -> object:
    """The bits of the array, or that it is refused: of several reasons, either may be told."""
    try:
        array = from_nested(x, value)
    except InferenceError:
        return "refused"
    return array.dtype, array.shape, array.tobytes()
