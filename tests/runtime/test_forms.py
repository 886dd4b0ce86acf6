"""What is found out once of all requests of one form, and what is looked at each time."""

from __future__ import annotations

from collections.abc import Mapping

import ml_dtypes
import numpy as np
import pytest
from fakes.sessions import FakeSession

from frazil_runtime.errors import InferenceError
from frazil_runtime.forms import FORMS, Array, Forms
from frazil_runtime.jobs import Hosted
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.statistics import Statistics

PAIR = Signature(
    (
        Tensor("x", "x:0", "float32", (-1, 2), minimum=(0, 2)),
        Tensor("y", "y:0", "float32", (-1, 2), minimum=(1, 2)),
    ),
    (Tensor("out", "o:0", "float32", (-1,)),),
    batchable=True,
)
TEXT = Signature((Tensor("text", "t:0", "string", (-1,)),), PAIR.outputs, batchable=True)
FREE = Signature((Tensor("x", "x:0", "float32", None),), PAIR.outputs, batchable=True)
MANIFEST = Manifest({"pair": PAIR, "text": TEXT, "free": FREE}, "pair", {})


@pytest.fixture
def forms() -> Forms:
    return Forms(Hosted("m", MANIFEST, FakeSession, Statistics()))


def pair(x: Array | None = None, y: Array | None = None) -> dict[str, Array]:
    zeros = np.zeros((3, 2), np.float32)
    return {"x": zeros if x is None else x, "y": zeros + 1 if y is None else y}


def texts(*values: object) -> dict[str, Array]:
    array = np.empty(len(values), object)
    array[:] = values
    return {"text": array}


def test_what_is_of_one_form_has_one_and_its_own_arrays(forms: Forms) -> None:
    first, _ = forms.find("pair", pair())
    sent = pair()
    second, inputs = forms.find("pair", sent)
    assert first is second
    assert [id(array) for array in inputs] == [id(sent["x"]), id(sent["y"])]
    assert (second.rows, second.kind, second.strings) == (3, (("m", "pair"), ((2,), (2,))), 0)


def test_inputs_come_in_feed_order_however_they_were_sent(forms: Forms) -> None:
    sent = pair()
    backwards = {"y": sent["y"], "x": sent["x"]}
    for _ in range(2):
        for each in (backwards, sent):
            form, inputs = forms.find("pair", each)
            assert [id(array) for array in inputs] == [id(sent["x"]), id(sent["y"])]
            assert form.scope == forms.find("pair", sent)[0].scope


ZEROS = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize(
    ("name", "sent", "text"),
    [
        pytest.param("walk", pair(), "not found", id="a signature that is none"),
        pytest.param("pair", {"x": ZEROS}, '"y" is missing', id="an input less"),
        pytest.param("pair", pair() | {"z": ZEROS}, '"z" is not in', id="an input more"),
        pytest.param("pair", {"x": ZEROS, "z": ZEROS}, '"z" is not in', id="another name"),
        pytest.param("pair", pair(ZEROS.astype(np.float64)), "must be float32", id="a wider type"),
        pytest.param("pair", pair(ZEROS.astype(">f4")), "must be float32", id="swapped bytes"),
        pytest.param("pair", pair(ZEROS.astype(ml_dtypes.bfloat16)), "bfloat16", id="bfloat16"),
        pytest.param("pair", pair(ZEROS[:, :1]), "instead of 2", id="another width"),
        pytest.param("pair", pair(ZEROS[0]), "1 dimensions", id="another rank"),
        pytest.param("pair", pair(y=ZEROS[:0]), "the least is 1", id="fewer than the minimum"),
        pytest.param("text", {"text": np.array([b"a", b"b", b"c"])}, "must be string", id="cells"),
    ],
)
def test_what_is_wrong_is_refused_each_time_beside_the_same_shape_that_is_right(
    forms: Forms, name: str, sent: Mapping[str, Array], text: str
) -> None:
    for _ in range(2):
        forms.find("pair", pair())
        forms.find("text", texts(b"a", b"b", b"c"))
        with pytest.raises(InferenceError, match=text):
            forms.find(name, sent)


def test_a_form_says_how_many_strings_are_left_to_look_at(forms: Forms) -> None:
    assert forms.find("text", texts(b"a", None, b"c"))[0].strings == 3
    assert forms.find("text", texts())[0].strings == 0


@pytest.mark.parametrize(
    ("sent", "rows"),
    [
        pytest.param(pair(ZEROS[:0], ZEROS[:1]), 0, id="of different numbers of rows"),
        pytest.param(pair(ZEROS.T.copy().T, ZEROS), 3, id="not contiguous"),
        pytest.param(pair(ZEROS[:1], ZEROS[:1]), 1, id="one row"),
    ],
)
def test_rows_are_counted_where_all_inputs_have_as_many(
    forms: Forms, sent: Mapping[str, Array], rows: int
) -> None:
    for _ in range(2):
        assert forms.find("pair", sent)[0].rows == rows


@pytest.mark.parametrize("shape", [(), (0,), (2,), (2, 3), (0, 3), (3, 0)])
def test_of_free_rank_each_shape_is_a_form(forms: Forms, shape: tuple[int, ...]) -> None:
    for other in ((2, 3, 1), (1,)):
        forms.find("free", {"x": np.zeros(other, np.float32)})
    form, _ = forms.find("free", {"x": np.zeros(shape, np.float32)})
    assert form.rows == (shape[0] if shape else 0)
    assert form.kind[1] == ((shape[1:],) if form.rows else (shape,))


def test_scopes_of_different_forms_differ(forms: Forms) -> None:
    sent = [
        ("pair", pair()),
        ("pair", pair(ZEROS[:2], ZEROS[:2])),
        ("text", texts(b"a")),
        ("text", texts(b"a", b"b")),
        ("free", {"x": ZEROS}),
        ("free", {"x": ZEROS.T}),
        ("free", {"x": ZEROS.ravel()}),
    ]
    scopes = [forms.find(*each)[0].scope for each in sent]
    assert len(set(scopes)) == len(scopes)


def test_forms_that_clients_think_of_are_forgotten_in_time(forms: Forms) -> None:
    kept, _ = forms.find("text", texts(b"a"))
    first, _ = forms.find("free", {"x": np.zeros(0, np.float32)})
    for size in range(1, FORMS):
        forms.find("free", {"x": np.zeros(size, np.float32)})
        assert forms.find("text", texts(b"b"))[0] is kept, "it is in use"
    assert forms.find("free", {"x": np.zeros(0, np.float32)})[0] is not first
