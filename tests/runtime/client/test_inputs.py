"""What `--input` may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frazil_runtime.client.inputs import InputError, array_of, generated, read
from frazil_runtime.manifest import Signature, Tensor

X = Tensor("x", "", "float32", (-1, 2))
ONE = Signature((X,), ())
TWO = Signature((X, Tensor("words", "", "string", (-1,))), ())
ROW = np.array([[1, 2]], np.float32)


@pytest.mark.parametrize(
    ("texts", "stdin"),
    [
        pytest.param(["x=[[1, 2]]"], b"", id="a name and JSON"),
        pytest.param(['{"x": [[1, 2]]}'], b"", id="an object of all"),
        pytest.param(["x=-"], b"[[1, 2]]", id="a name and stdin"),
        pytest.param(["-"], b'{"x": [[1, 2]]}', id="all on stdin"),
        pytest.param(["x={}/x.npy"], b"", id="a name and an npy"),
        pytest.param(["x={}/all.npz"], b"", id="a name and an npz that holds it"),
        pytest.param(["{}/all.npz"], b"", id="an npz of all"),
        pytest.param(["x=[[3, 4]]", "x=[[1, 2]]"], b"", id="the last of several"),
    ],
)
def test_an_input_is_given_by(texts: Sequence[str], stdin: bytes, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROW)
    np.savez(tmp_path / "all.npz", x=ROW)
    places = [text.replace("{}", str(tmp_path), 1) if "{}" in text else text for text in texts]
    (array,) = read(places, ONE, lambda: stdin).values()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, ROW)


def test_texts_become_bytes() -> None:
    given = read(["x=[[1, 2]]", 'words=["ä", "b"]'], TWO, bytes)
    assert given["words"].tolist() == ["ä".encode(), b"b"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param([], r"give --input for x: it takes x \(float32 \[\?, 2\]\)", id="nothing"),
        pytest.param(["y=[1]"], "no input is called y", id="a name that is none"),
        pytest.param(["x=[[1], [1, 2]]"], "of different lengths", id="a ragged list"),
        pytest.param(['x=[["a"]]'], "x is float32, and what is given is <U1", id="a text"),
        pytest.param(["x=[[true]]"], "x is float32, and what is given is bool", id="booleans"),
        pytest.param(["x=oops"], "neither a file .npy or .npz nor JSON", id="what is no JSON"),
        pytest.param(["x=none.npy"], "none.npy cannot be read", id="a file that is not there"),
        pytest.param(["[1]"], "an input is NAME=FILE.npy", id="JSON that is no object"),
    ],
)
def test_what_is_no_input(texts: Sequence[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(texts, ONE, bytes)


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        pytest.param("uint8", [255], True, id="the largest of a byte"),
        pytest.param("uint8", [256], False, id="one more"),
        pytest.param("uint8", [-1], False, id="one less than none"),
        pytest.param("int64", [1.5], False, id="a fraction for whole numbers"),
        pytest.param("float16", [1, 2], True, id="whole numbers for fractions"),
        pytest.param("bfloat16", [1.5], True, id="a bfloat16"),
        pytest.param("bool", [True], True, id="a truth"),
        pytest.param("bool", [1], False, id="a number for a truth"),
        pytest.param("string", ["a"], True, id="a text"),
        pytest.param("string", [1], False, id="a number for a text"),
        pytest.param("complex64", [1], False, id="what JSON has no number for"),
        pytest.param("float32", [], True, id="no element"),
    ],
)
def test_nothing_is_rounded_away(dtype: str, value: Any, fits: bool) -> None:
    tensor = Tensor("x", "", dtype, (-1,))
    if fits:
        assert array_of(tensor, value).tolist() == [
            v.encode() if isinstance(v, str) else v for v in value
        ]
    else:
        with pytest.raises(InputError, match=f"x is {'text' if dtype == 'string' else dtype}"):
            array_of(tensor, value)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param((-1, 3, -1), (5, 3, 1), id="rows first, other free dimensions 1"),
        pytest.param((2, 3), (2, 3), id="what is fixed stays"),
        pytest.param((), (), id="a scalar"),
        pytest.param(None, (5,), id="any shape: a list"),
    ],
)
def test_a_drawn_input_has_the_shape(
    shape: tuple[int, ...] | None, expected: tuple[int, ...]
) -> None:
    signature = Signature((Tensor("x", "", "float32", shape),), ())
    first, again, other = (generated(signature, 5, seed)["x"] for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (expected, np.float32)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_texts_are_not_drawn() -> None:
    with pytest.raises(InputError, match="words is text: give it with --input"):
        generated(TWO, 1, 0)
