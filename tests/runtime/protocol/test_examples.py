"""tf.Examples in, classes and values out: what Classify and Regress share."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.protocol import examples
from frazil_runtime.protocol.documents import parse
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.messages import message_class

Array = npt.NDArray[Any]

EXAMPLE = message_class("tensorflow.Example")
INPUT = message_class("tensorflow.serving.Input")

TEXTS = (tensor("inputs", "string", (-1,)),)
CLASSES, SCORES = tensor("classes", "string"), tensor("scores")
MODEL = Manifest(
    {
        "both": Signature(TEXTS, (CLASSES, SCORES)),
        "scores": Signature(TEXTS, (SCORES,)),
        "values": Signature(TEXTS, (tensor("outputs"),)),
        "numbers": Signature((tensor("x"),), (SCORES,)),
        "two inputs": Signature((*TEXTS, tensor("x")), (SCORES,)),
        "more outputs": Signature(TEXTS, (SCORES, tensor("hidden"))),
        "no outputs": Signature(TEXTS, ()),
    },
    "both",
    {},
)


def features(text: bytes) -> dict[str, list[Any]]:
    """Each feature's values."""
    found = EXAMPLE.FromString(text).features.feature
    return {
        name: list(getattr(feature, kind).value) if (kind := feature.WhichOneof("kind")) else []
        for name, feature in found.items()
    }


def example(**values: float) -> Any:
    message = EXAMPLE()
    for name, value in values.items():
        message.features.feature[name].float_list.value.append(value)
    return message


@pytest.mark.parametrize(
    ("name", "method", "outputs"),
    [
        pytest.param("", Method.CLASSIFY, ["classes", "scores"], id="the default has no name"),
        pytest.param("scores", Method.CLASSIFY, ["scores"], id="a class may have no label"),
        pytest.param("values", Method.REGRESS, ["outputs"], id="a regression has one output"),
    ],
)
def test_signatures_that_serve(name: str, method: Method, outputs: list[str]) -> None:
    found = examples.find(MODEL, name, method)
    assert [output.name for output in found.outputs] == outputs


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("numbers", Method.CLASSIFY),
        ("two inputs", Method.CLASSIFY),
        ("more outputs", Method.CLASSIFY),
        ("no outputs", Method.CLASSIFY),
        ("values", Method.CLASSIFY),
        ("both", Method.REGRESS),
    ],
)
def test_signatures_that_do_not(name: str, method: Method) -> None:
    with pytest.raises(InferenceError, match=f'signature "{name}" cannot {method.name.lower()}: '):
        examples.find(MODEL, name, method)


def test_a_signature_that_the_model_lacks() -> None:
    with pytest.raises(InferenceError, match='signature key "x" not found'):
        examples.find(MODEL, "x", Method.CLASSIFY)


VALUES: dict[str, tuple[object, list[Any]]] = {
    "a number": (1.5, [1.5]),
    "a whole number": (3, [3]),
    "truths are whole numbers": ([True, 2, False], [1, 2, 0]),
    "whole numbers beside others": ([1, 2.5], [1.0, 2.5]),
    "text is UTF-8": ("ä", ["ä".encode()]),
    "base64 beside text": ([{"b64": "/w=="}, "a"], [b"\xff", b"a"]),
    "base64 without its padding": ({"b64": "/w"}, [b"\xff"]),
    "nothing": ([], []),
    "so many numbers that they are not parsed at once": (
        list(range(100_000)),
        list(range(100_000)),
    ),
}


@pytest.mark.parametrize(("value", "values"), VALUES.values(), ids=VALUES)
def test_features_from_json(value: object, values: list[Any]) -> None:
    document = parse(json.dumps([{"x": value}]).encode())
    (text,) = examples.from_features(document)
    assert features(text) == {"x": values}


REFUSED: dict[str, tuple[object, str]] = {
    "no object": (1, "Example must be JSON object"),
    "null": ({"x": None}, 'Feature: "x" has element with unexpected JSON type'),
    "an object": ({"x": {"a": "b"}}, 'Feature: "x" has element with unexpected JSON type'),
    "lists in lists": ({"x": [[1]]}, 'Feature: "x" has element with unexpected JSON type'),
    "text beside numbers": ({"x": ["a", 1]}, 'Feature: "x" has element with unexpected JSON type'),
    "a number of 64 bits without a sign": ({"x": 2**63}, "beyond the range of int64"),
    "no base64": ({"x": {"b64": "%"}}, 'has a "b64" that is not base64'),
}


@pytest.mark.parametrize(("record", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(record: object, text: str) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        examples.from_features([record])
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_a_context_is_in_each_example_unless_it_says_otherwise() -> None:
    first, second = examples.from_features([{"a": 1}, {"b": 2}], context={"a": 0, "c": 3})
    assert features(first) == {"a": [1], "c": [3]}
    assert features(second) == {"a": [0], "b": [2], "c": [3]}


def test_examples_of_a_message() -> None:
    message = INPUT()
    message.example_list.examples.extend([example(a=1), example(a=2)])
    texts = examples.from_input(message)
    assert [features(text) for text in texts] == [{"a": [1]}, {"a": [2]}]
    assert texts.dtype == object


def test_examples_of_a_message_with_a_context() -> None:
    message = INPUT()
    message.example_list_with_context.context.CopyFrom(example(a=0, b=1))
    message.example_list_with_context.examples.extend([example(a=2), EXAMPLE()])
    texts = examples.from_input(message)
    assert [features(text) for text in texts] == [{"a": [2], "b": [1]}, {"a": [0], "b": [1]}]


def test_the_order_of_features_makes_no_other_text() -> None:
    (one,) = examples.from_features([{"a": 1, "b": 2, "c": 3}])
    (other,) = examples.from_features([{"c": 3, "b": 2, "a": 1}])
    assert one == other


@pytest.mark.parametrize("kind", [None, "example_list", "example_list_with_context"])
def test_no_examples_are_refused(kind: str | None) -> None:
    message = INPUT()
    if kind:
        getattr(message, kind).SetInParent()
    with pytest.raises(InferenceError, match="Input is empty"):
        examples.from_input(message)
    with pytest.raises(InferenceError, match="Input is empty"):
        examples.from_features([])


def test_a_request_feeds_the_sole_input() -> None:
    texts = np.array([b"a"], object)
    request = examples.to_request("both", MODEL.signatures["both"], texts)
    assert request.signature == "both"
    assert request.inputs == {"inputs": texts}


LABELS = np.array([[b"a", b"b"]], object)
CHANCES = np.float32([[0.25, 0.75]])


def test_classes_have_labels_scores_or_both() -> None:
    found = examples.classifications({"classes": LABELS, "scores": CHANCES}, 1)
    assert found.labels is LABELS
    assert found.scores is CHANCES
    assert examples.classifications({"scores": CHANCES}, 1).labels is None
    assert examples.classifications({"classes": LABELS}, 1).scores is None


@pytest.mark.parametrize("values", [np.float32([1, 2]), np.float32([[1], [2]])])
def test_values_are_one_for_each_example(values: Array) -> None:
    assert examples.regressions({"outputs": values}, 2).tolist() == [1, 2]


MISFITS: dict[str, tuple[dict[str, Array], str]] = {
    "scores of another number of examples": ({"scores": CHANCES}, '"scores" is float32 [1, 2]'),
    "scores of one dimension": ({"scores": CHANCES[0]}, '"scores" is float32 [2]'),
    "scores of another type": ({"scores": np.zeros((2, 2))}, '"scores" is float64 [2, 2]'),
    "labels that are numbers": ({"classes": np.zeros((2, 2))}, '"classes" is float64 [2, 2]'),
    "more labels than scores": (
        {"classes": np.full((2, 3), b"", object), "scores": np.zeros((2, 2), np.float32)},
        '"scores" is float32 [2, 2]',
    ),
}


@pytest.mark.parametrize(("outputs", "text"), MISFITS.values(), ids=MISFITS)
def test_outputs_that_are_no_classes(outputs: dict[str, Array], text: str) -> None:
    with pytest.raises(InferenceError) as raised:
        examples.classifications(outputs, 2)
    assert str(raised.value).startswith(f"the output {text}, where ")


@pytest.mark.parametrize(
    "values",
    [np.float32([1]), np.float32([[1, 2], [3, 4]]), np.float64([1, 2])],
    ids=["another number of examples", "two values each", "another type"],
)
def test_outputs_that_are_no_regression(values: Array) -> None:
    with pytest.raises(InferenceError, match='the output "outputs" is '):
        examples.regressions({"outputs": values}, 2)
