"""TensorFlow Serving's predict call: what it reads, writes, and says of what it cannot read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from fakes.models import manifest, tensor
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.protocol import tf_serving
from frazil_runtime.protocol.tf_serving import Predict
from frazil_runtime.requests import InferRequest

Array = npt.NDArray[Any]

ONE = manifest((tensor("x"),))
TWO = manifest((tensor("x"), tensor("n", "int32", (-1,))))
TEXT = manifest((tensor("text", "string", (-1,)),))
NONE = manifest(())

ROWS: dict[str, tuple[Manifest, str, dict[str, object]]] = {
    "the rows of the sole input": (ONE, "[[1, 2], [3, 4]]", {"x": [[1, 2], [3, 4]]}),
    "objects that name the sole input": (ONE, '[{"x": [1, 2]}]', {"x": [[1, 2]]}),
    "objects that name every input": (
        TWO,
        '[{"x": [1, 2], "n": 3}, {"n": 6, "x": [4, 5]}]',
        {"x": [[1, 2], [4, 5]], "n": [3, 6]},
    ),
    "texts": (TEXT, '["a", "ä"]', {"text": [b"a", "ä".encode()]}),
    "base64 instances are texts, not objects": (
        TEXT,
        '[{"b64": "/w=="}, "a"]',
        {"text": [b"\xff", b"a"]},
    ),
    "base64 under a name": (TEXT, '[{"text": {"b64": "/w=="}}]', {"text": [b"\xff"]}),
    "an infinity": (ONE, "[[Infinity, 1]]", {"x": [[float("inf"), 1]]}),
}


@pytest.mark.parametrize(("of", "instances", "inputs"), ROWS.values(), ids=ROWS)
def test_row_form(of: Manifest, instances: str, inputs: dict[str, object]) -> None:
    call = tf_serving.decode(b'{"instances": %s}' % instances.encode(), of)
    assert call.rows
    assert {name: array.tolist() for name, array in call.request.inputs.items()} == inputs


COLUMNS: dict[str, tuple[Manifest, str, dict[str, object]]] = {
    "the sole input bare": (ONE, "[[1, 2]]", {"x": [[1, 2]]}),
    "the sole input by name": (ONE, '{"x": [[1, 2]]}', {"x": [[1, 2]]}),
    "every input by name": (TWO, '{"n": [3], "x": [[1, 2]]}', {"x": [[1, 2]], "n": [3]}),
    "no rows": (TEXT, "[]", {"text": []}),
    "base64 in a list": (TEXT, '[{"b64": "/w=="}]', {"text": [b"\xff"]}),
    "no inputs at all": (NONE, "{}", {}),
    "a bare base64 text": (
        manifest((tensor("text", "string", ()),)),
        '{"b64": "/w=="}',
        {"text": b"\xff"},
    ),
}


@pytest.mark.parametrize(("of", "value", "inputs"), COLUMNS.values(), ids=COLUMNS)
def test_column_form(of: Manifest, value: str, inputs: dict[str, object]) -> None:
    call = tf_serving.decode(b'{"inputs": %s}' % value.encode(), of)
    assert not call.rows
    assert {name: array.tolist() for name, array in call.request.inputs.items()} == inputs


def test_the_signature_is_the_default_one_or_the_one_named() -> None:
    of = Manifest(
        {
            "serving_default": ONE.signatures["serving_default"],
            "by_text": TEXT.signatures["serving_default"],
        },
        "serving_default",
        {},
    )
    assert tf_serving.decode(b'{"inputs": [[1, 2]]}', of).request.signature == "serving_default"
    named = tf_serving.decode(b'{"inputs": ["a"], "signature_name": "by_text"}', of)
    assert named.request.signature == "by_text"
    unnamed = tf_serving.decode(b'{"inputs": [[1, 2]], "signature_name": ""}', of)
    assert unnamed.request.signature == "serving_default"


REFUSED: dict[str, tuple[Manifest, bytes, str]] = {
    "an empty body": (ONE, b"", "JSON Parse error: The document is empty"),
    "no object": (ONE, b"[1]", "JSON Value: Is not object"),
    "neither key": (ONE, b"{}", "Missing 'inputs' or 'instances' key"),
    "both keys": (
        ONE,
        b'{"inputs": 1, "instances": 2}',
        "JSON Value: Not formatted correctly expecting only one of "
        "'inputs' or 'instances' keys to exist ",
    ),
    "instances that are no list": (
        ONE,
        b'{"instances": 1}',
        "JSON Value: Expecting 'instances' to be an list/array",
    ),
    "no instances": (
        ONE,
        b'{"instances": []}',
        "JSON Value: No values in 'instances' array",
    ),
    "a signature's name that is no text": (
        ONE,
        b'{"instances": [1], "signature_name": 1}',
        "JSON Value: not formatted correctly. 'signature_name' key must be a string value.",
    ),
    "a signature that the model lacks": (
        ONE,
        b'{"instances": [1], "signature_name": "b"}',
        'Serving signature key "b" not found; the model has serving_default',
    ),
    "bare rows for two inputs": (
        TWO,
        b'{"instances": [[1, 2]]}',
        "instances is a plain list, but expecting list of objects as multiple input tensors "
        "required as per tensorinfo_map",
    ),
    "a bare column for two inputs": (
        TWO,
        b'{"inputs": [[1, 2]]}',
        "inputs is a plain value/list, but expecting an object as multiple input tensors "
        "required as per tensorinfo_map",
    ),
    "an instance that lacks an input": (
        TWO,
        b'{"instances": [{"x": [1, 2], "n": 1}, {"x": [1, 2]}]}',
        "Failed to process element: 1 of 'instances' list. JSON object's keys must "
        "be equal to: n,x",
    ),
    "an instance with another name": (
        ONE,
        b'{"instances": [{"y": 1}]}',
        "Failed to process element: 0 of 'instances' list. JSON object's keys must be equal to: x",
    ),
    "a list among objects": (
        ONE,
        b'{"instances": [{"x": [1, 2]}, [1, 2]]}',
        "Expecting object but got list at item 1 of input list",
    ),
    "an object among lists": (
        ONE,
        b'{"instances": [[1, 2], {"x": [1, 2]}]}',
        'input "x" is ragged: JSON Value of Type: Object found at incorrect level: 2, beside lists',
    ),
    "a column that lacks an input": (
        TWO,
        b'{"inputs": {"x": [[1, 2]]}}',
        "Missing named input: n in 'inputs' object.",
    ),
    "a column of another name": (
        ONE,
        b'{"inputs": {"x": [[1, 2]], "y": 1}}',
        'input "y" is not in the signature; it has x',
    ),
}


@pytest.mark.parametrize(("of", "body", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(of: Manifest, body: bytes, text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        tf_serving.decode(body, of)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert str(raised.value) == text


ROW_CALL = Predict(InferRequest("serving_default", {}), rows=True)
COLUMN_CALL = Predict(InferRequest("serving_default", {}), rows=False)
Y = np.float32([[0.5, 1], [2, 3]])
N = np.array([7, 8])

ANSWERS: dict[str, tuple[Predict, dict[str, Array], bytes]] = {
    "the rows of a sole output have no name": (
        ROW_CALL,
        {"y": Y},
        b'{"predictions":[[0.5,1.0],[2.0,3.0]]}',
    ),
    "the rows of two outputs stand beside each other": (
        ROW_CALL,
        {"y": Y, "n": N},
        b'{"predictions":[{"y":[0.5,1.0],"n":7},{"y":[2.0,3.0],"n":8}]}',
    ),
    "no rows are an empty list": (ROW_CALL, {"y": Y[:0], "n": N[:0]}, b'{"predictions":[]}'),
    "a sole column has no name": (COLUMN_CALL, {"y": Y}, b'{"outputs":[[0.5,1.0],[2.0,3.0]]}'),
    "two columns have names": (
        COLUMN_CALL,
        {"y": Y, "n": N},
        b'{"outputs":{"y":[[0.5,1.0],[2.0,3.0]],"n":[7,8]}}',
    ),
    "a column may be a bare value": (COLUMN_CALL, {"y": np.array(1.5)}, b'{"outputs":1.5}'),
    "a NaN in one row is a token": (
        ROW_CALL,
        {"y": np.float32([[np.nan, 1]]), "n": N[:1]},
        b'{"predictions":[{"y":[NaN,1.0],"n":7}]}',
    ),
    "an output named *_bytes is base64": (
        ROW_CALL,
        {"image_bytes": np.array([b"a"], object)},
        b'{"predictions":[{"b64":"YQ=="}]}',
    ),
    "another text is text": (
        ROW_CALL,
        {"label": np.array([b"cat"], object), "n": N[:1]},
        b'{"predictions":[{"label":"cat","n":7}]}',
    ),
    "numbers named *_bytes are numbers": (ROW_CALL, {"n_bytes": N}, b'{"predictions":[7,8]}'),
}


@pytest.mark.parametrize(("call", "outputs", "body"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_answered(call: Predict, outputs: dict[str, Array], body: bytes) -> None:
    assert tf_serving.encode(call, outputs) == body


UNANSWERABLE: dict[str, tuple[dict[str, Array], str]] = {
    "a bare value has no rows": ({"y": np.array(1.0)}, "Tensor name: y has no shape information "),
    "outputs of different lengths have none": (
        {"y": Y, "n": N[:1]},
        "Tensor name: n has inconsistent batch size: 1 expecting: 2",
    ),
}


@pytest.mark.parametrize(("outputs", "text"), UNANSWERABLE.values(), ids=UNANSWERABLE)
def test_what_has_no_rows(outputs: dict[str, Array], text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        tf_serving.encode(ROW_CALL, outputs)
    assert str(raised.value) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "n", "b64"]), children)
    ),
)
KEYS = st.sampled_from(["instances", "inputs", "signature_name"])


@given(st.dictionaries(KEYS, JSON), st.sampled_from([ONE, TWO, TEXT, NONE]))
def test_any_document_is_read_or_refused(document: dict[str, object], of: Manifest) -> None:
    try:
        body = orjson.dumps(document)
    except TypeError:  # an integer that orjson does not write
        return
    with suppress(InferenceError):
        tf_serving.decode(body, of)
