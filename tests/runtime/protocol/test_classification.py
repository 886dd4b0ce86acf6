"""TensorFlow Serving's classify and regress in JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.protocol import classification
from frazil_runtime.protocol.classification import Classify
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.requests import InferRequest

Array = npt.NDArray[Any]

EXAMPLE = message_class("tensorflow.Example")
TEXTS = (tensor("inputs", "string", (-1,)),)
MODEL = Manifest(
    {
        "both": Signature(TEXTS, (tensor("classes", "string"), tensor("scores"))),
        "values": Signature(TEXTS, (tensor("outputs"),)),
        "predict": Signature((tensor("x"),), (tensor("y"),)),
    },
    "both",
    {},
)


def decode(method: Method, **document: object) -> Classify:
    return classification.decode(json.dumps(document).encode(), MODEL, method)


def test_a_call_is_a_list_of_examples_each_with_the_contexts_features() -> None:
    call = decode(
        Method.CLASSIFY,
        context={"country": "ice"},
        examples=[{"age": 7}, {"age": [8.5, 9], "name": {"b64": "/w=="}}],
    )
    assert (call.request.signature, call.count) == ("both", 2)
    first, second = map(EXAMPLE.FromString, call.request.inputs["inputs"])
    assert list(first.features.feature["age"].int64_list.value) == [7]
    assert list(first.features.feature["country"].bytes_list.value) == [b"ice"]
    assert list(second.features.feature["age"].float_list.value) == [8.5, 9]
    assert list(second.features.feature["name"].bytes_list.value) == [b"\xff"]


def test_a_feature_of_many_numbers_is_as_good_as_one_of_few() -> None:
    call = decode(Method.CLASSIFY, examples=[{"x": list(range(500)), "y": [0.5] * 500}])
    read = EXAMPLE.FromString(call.request.inputs["inputs"][0]).features.feature
    assert list(read["x"].int64_list.value) == list(range(500))
    assert list(read["y"].float_list.value) == [0.5] * 500


def test_a_call_names_its_signature() -> None:
    call = decode(Method.REGRESS, signature_name="values", examples=[{}])
    assert call.request.signature == "values"


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no examples": ({}, "When method is classify, key 'examples' is expected and was not found"),
    "examples that are no list": ({"examples": {}}, "Expecting 'examples' value to be an list"),
    "an empty list": ({"examples": []}, "'examples' value is an empty array"),
    "numbers for examples": ({"examples": [0.5] * 500}, "Expecting 'examples' value to be an list"),
    "a number for an example": ({"examples": [1]}, "Example must be JSON object"),
    "a number for the context": ({"examples": [{}], "context": 1}, "Example must be JSON object"),
    "a signature that predicts": (
        {"examples": [{}], "signature_name": "predict"},
        "Use predict, it serves any signature",
    ),
    "a signature that is none": ({"examples": [{}], "signature_name": "a"}, '"a" not found'),
    "a signature's name that is no text": (
        {"examples": [{}], "signature_name": 1},
        "'signature_name' key must be a string value",
    ),
}


@pytest.mark.parametrize(("document", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(document: dict[str, object], words: str) -> None:
    with pytest.raises(InferenceError, match=words) as raised:
        decode(Method.CLASSIFY, **document)
    assert raised.value.code is Code.INVALID_ARGUMENT


LABELS = np.array([[b"a", b"\xff"], [b"c", b"d"]], object)
SCORES = np.float32([[0.1, np.nan], [np.inf, 1]])

WRITTEN: dict[str, tuple[Method, dict[str, Array], str]] = {
    "labels and scores": (
        Method.CLASSIFY,
        {"classes": LABELS, "scores": SCORES},
        '{"results":[[["a",0.1],[{"b64":"/w=="},NaN]],[["c",Infinity],["d",1.0]]]}',
    ),
    "labels alone": (
        Method.CLASSIFY,
        {"classes": LABELS},
        '{"results":[[["a",0.0],[{"b64":"/w=="},0.0]],[["c",0.0],["d",0.0]]]}',
    ),
    "scores alone": (
        Method.CLASSIFY,
        {"scores": SCORES},
        '{"results":[[["",0.1],["",NaN]],[["",Infinity],["",1.0]]]}',
    ),
    "values": (Method.REGRESS, {"outputs": SCORES[:, 0]}, '{"results":[0.1,Infinity]}'),
    "values in a column": (
        Method.REGRESS,
        {"outputs": SCORES[:, :1]},
        '{"results":[0.1,Infinity]}',
    ),
}


@pytest.mark.parametrize(("method", "outputs", "text"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written(method: Method, outputs: dict[str, Array], text: str) -> None:
    call = Classify(InferRequest("", {}), method, 2)
    assert classification.encode(call, outputs).decode() == text


def test_outputs_that_are_no_classes_are_told_so() -> None:
    call = Classify(InferRequest("", {}), Method.CLASSIFY, 3)
    with pytest.raises(InferenceError, match="use predict"):
        classification.encode(call, {"scores": SCORES})
