"""Long lists of numbers are cut out of a document, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.models import manifest, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from frazil_runtime.errors import InferenceError
from frazil_runtime.protocol import documents, numbers, tf_serving
from frazil_runtime.protocol.numbers import LONG, Numbers
from frazil_runtime.protocol.tensors import from_nested
from frazil_runtime.requests import Body

FLAT = ",".join(["1.5"] * 100_000)
ROWS = ",".join(["[1, 2, 3]"] * 20_000)
ONES = ",".join(["1"] * 200_000)
TRUTHS = ",".join(["true"] * 100_000)
EMPTY = ",".join(["[]"] * 100_000)
TEXTS = ",".join(['"a"'] * 100_000)

CUT: dict[str, tuple[str, tuple[int, ...]]] = {
    "a flat list": (f"[{FLAT}]", (100_000,)),
    "a list of rows": (f"[{ROWS}]", (20_000, 3)),
    "a list in lists": (f"[[{FLAT}]]", (1, 100_000)),
    "three levels, two of them long": (f"[[{ROWS}], [{ROWS}]]", (2, 20_000, 3)),
    "rows with air between the numbers": (f"[ {ROWS} \n]", (20_000, 3)),
    "negative and small numbers": (f"[-1, 1e-9, 1E+9, {FLAT}]", (100_003,)),
}


@pytest.mark.parametrize(("text", "shape"), CUT.values(), ids=CUT)
def test_what_is_cut_out(text: str, shape: tuple[int, ...]) -> None:
    document = numbers.parse(b'{"a": "b", "inputs": {"x": %s, "y": [1]}}' % text.encode())
    cut = document["inputs"]["x"]
    assert type(cut) is Numbers
    assert cut.shape == shape
    read = [number for piece in cut.pieces() for number in piece]
    assert read == np.array(json.loads(text)).ravel().tolist()
    assert document["a"] == "b"
    assert document["inputs"]["y"] == [1]


LIST = b"[%s]" % FLAT.encode()
NAMED = b'"name": "x", "shape": [100000], "datatype": "FP32"'
TENSOR = b'{%s, "data": %s}' % (NAMED, LIST)

DOCUMENTS: dict[str, tuple[bytes, int]] = {
    "rows": (b'{"instances": %s}' % LIST, 1),
    "rows of a signature": (b'{"instances": %s, "signature_name": "a"}' % LIST, 1),
    "a column": (b'{"inputs": {"x": %s}}' % LIST, 1),
    "columns": (b'{"inputs": {"x": %s, "y": %s}}' % (LIST, LIST), 2),
    "a tensor whose data comes last": (b'{"inputs": [%s]}' % TENSOR, 1),
    "a tensor whose data comes first": (b'{"inputs": [{"data": %s, %s}]}' % (LIST, NAMED), 1),
    "tensors": (b'{"inputs": [%s, %s]}' % (TENSOR, TENSOR), 2),
    "a tensor before the outputs": (b'{"inputs": [%s], "outputs": [{"name": "y"}]}' % TENSOR, 1),
}


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(("body", "count"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_documents_of_both_protocols_are_read_in_pieces(
    body: bytes, count: int, kind: type[Body]
) -> None:
    assert len(list(_lists(numbers.parse(kind(body))))) == count


def _lists(value: Any) -> Iterator[Numbers]:
    """What was cut out of a document."""
    if type(value) is Numbers:
        yield value
    elif type(value) in (dict, list):
        for inner in value.values() if type(value) is dict else value:
            yield from _lists(inner)


LEFT: dict[str, str] = {
    "a ragged list": f"[[1, 2], {ROWS}]",
    "a list that ends raggedly": f"[{ROWS}, [1, 2]]",
    "numbers beside lists": f"[1, {ROWS}]",
    "truths": f"[{TRUTHS}]",
    "nulls": f"[null, {FLAT}]",
    "a NaN": f"[NaN, {FLAT}]",
    "empty lists": f"[{EMPTY}]",
    "texts": f"[{TEXTS}]",
    "a text that is a list of numbers": f'"[{FLAT}]"',
    "a text in which a list of numbers is quoted": f'"\\"[{FLAT}]\\""',
    "a short list": "[1, 2, 3]",
    "a number before its list": f"[1[2], {FLAT}]",
    "more levels than an array has": "[" * 100 + FLAT + "]" * 100,
    "a list without end": f"[{FLAT}",
    "what follows the document": f"[{FLAT}]]",
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_what_is_left_to_the_parser(text: str) -> None:
    assert numbers.parse(b'{"x": %s}' % text.encode()) is None


BROKEN: dict[str, str] = {
    "a missing number": f"[{FLAT},,{FLAT}]",
    "a number that is none": f"[{FLAT},1.e.5,{FLAT}]",
    "two numbers for one": f"[{FLAT},1 2,{FLAT}]",
    "a comma before the end": f"[{FLAT},]",
    # It ends a piece of 32 KiB, and leaves nothing but brackets for the next.
    "a comma before the end where a piece ends": f"[{'1,' * 147_455}]",
    "a comma before the end of a row where a piece ends": f"[[{'1,' * 147_455}]]",
    "a number that does not end": f"[{FLAT},{'1' * 100_000},{FLAT}]",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(InferenceError, match="JSON Parse error"):
        tf_serving.decode(
            b'{"inputs": %s}' % text.encode(), manifest((tensor("x", "float32", None),))
        )


def test_nobody_can_name_a_list_that_was_cut_out() -> None:
    document = documents.parse(b'{"x": [%s], "y": {"%s": 0}}' % (FLAT.encode(), b"0" * 32))
    assert document["y"] == {"0" * 32: 0}


def test_long_rows_of_several_inputs_are_stacked() -> None:
    one = manifest((tensor("x", "float32", (-1, 100_000)), tensor("n", "int32", (-1,))))
    instance = b'{"x": [%s], "n": 7}' % FLAT.encode()
    call = tf_serving.decode(b'{"instances": [%s, %s]}' % (instance, instance), one)
    assert call.request.inputs["x"].shape == (2, 100_000)
    assert call.request.inputs["n"].tolist() == [7, 7]


def test_long_and_short_rows_are_ragged_in_the_same_words() -> None:
    one = manifest((tensor("x", "float32", (-1, 100_000)),))
    body = b'{"instances": [{"x": [%s]}, {"x": [1]}]}' % FLAT.encode()
    with pytest.raises(
        InferenceError, match="unexpected size: 1 at level: 1 expected size: 100000"
    ):
        tf_serving.decode(body, one)


def test_a_fraction_in_a_long_list_is_no_integer() -> None:
    text = f"[{ONES}, 1.5]"
    with pytest.raises(InferenceError, match="an exponent is not of expected type: int32"):
        tf_serving.decode(
            b'{"inputs": %s}' % text.encode(), manifest((tensor("x", "int32", (-1,)),))
        )


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from(["float32", "int64"]),
    st.sampled_from([(",", ""), (", ", " "), (" ,\n", "\t")]),
)
def test_any_long_regular_list_reads_as_it_would_whole(
    inner: list[int], dtype: str, style: tuple[str, str]
) -> None:
    comma, space = style
    count = int(np.prod(inner))
    shape = (LONG // (8 * count) + 1, *inner)
    array = 1_000_000 + np.arange(shape[0] * count).reshape(shape)
    text = json.dumps(array.tolist(), separators=(comma, ":")).replace("]", f"{space}]")
    value: Any = documents.parse(b'{"x": %s}' % text.encode())["x"]
    assert type(value) is Numbers
    np.testing.assert_array_equal(from_nested(tensor("x", dtype, None), value), array)
