"""TensorFlow Serving's calls over gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes.models import model, tensor

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.protocol import tf_serving_grpc as codec
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.requests import InferResponse

Array = npt.NDArray[Any]

TEXTS = (tensor("inputs", "string", (-1,)),)
MODEL = model(
    Manifest(
        {
            "serving_default": Signature((tensor("x"),), (tensor("y"), tensor("n", "int64"))),
            "classify": Signature(TEXTS, (tensor("classes", "string"), tensor("scores"))),
            "regress": Signature(TEXTS, (tensor("outputs"),)),
        },
        "serving_default",
        {},
    )
)
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
X = {"dtype": 1, "tensor_shape": {"dim": [{"size": 1}, {"size": 2}]}, "float_val": [1, 2]}
TWO = {"example_list": {"examples": [{}, {}]}}


def spec(signature: str = "", name: str = "digits") -> dict[str, Any]:
    return {"name": name, "signature_name": signature}


def predict(**fields: Any) -> codec.Predict:
    message = codec.PREDICT(model_spec=spec(), **fields)
    return codec.decode_predict(message, MODEL, max_bytes=1024)


def multi(*tasks: tuple[str, str], name: str = "digits") -> codec.Examples:
    sent = [{"model_spec": spec(signature, name), "method_name": how} for signature, how in tasks]
    return codec.decode_multi(codec.MULTI(tasks=sent, input=TWO), MODEL)


def test_a_prediction_feeds_the_default_signature() -> None:
    call = predict(inputs={"x": X}, output_filter=["n", "y"])
    assert call.request.signature == "serving_default"
    assert call.request.inputs["x"].tolist() == [[1, 2]]
    assert call.request.outputs == ("n", "y")


def test_a_prediction_is_answered_in_typed_values_with_the_signature_and_the_version() -> None:
    call = predict(inputs={"x": X})
    outputs = {"y": np.float32([[2, 4]]), "n": np.int64([-1])}
    data = codec.encode_predict(call, [InferResponse(outputs)])
    answer = message_class("tensorflow.serving.PredictResponse").FromString(data)
    assert answer.model_spec.name == "digits"
    assert answer.model_spec.version.value == 3
    assert answer.model_spec.signature_name == "serving_default"
    assert list(answer.outputs["y"].float_val) == [2, 4]
    assert [dim.size for dim in answer.outputs["y"].tensor_shape.dim] == [1, 2]
    assert list(answer.outputs["n"].int64_val) == [-1]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no inputs": ({}, 'input "x" is missing; the signature has x'),
    "an input of another name": (
        {"inputs": {"x": X, "z": X}},
        'input "z" is not in the signature; it has x',
    ),
    "another type": ({"inputs": {"x": {}}}, "must be DT_FLOAT, got the data type 0"),
}


@pytest.mark.parametrize(("fields", "text"), REFUSED.values(), ids=REFUSED)
def test_predictions_that_are_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        predict(**fields)
    assert raised.value.code is Code.INVALID_ARGUMENT


SCORES = np.float32([[0.25, 0.75], [1, 0]])
LABELS = np.array([[b"a", b"b"], [b"\xff", b""]], object)


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [
        pytest.param(
            {"classes": LABELS, "scores": SCORES},
            [[("a", 0.25), ("b", 0.75)], [("�", 1), ("", 0)]],
            id="labels and scores",
        ),
        pytest.param(
            {"scores": SCORES}, [[("", 0.25), ("", 0.75)], [("", 1), ("", 0)]], id="scores"
        ),
        pytest.param({"classes": LABELS}, [[("a", 0), ("b", 0)], [("�", 0), ("", 0)]], id="labels"),
    ],
)
def test_a_classification(
    outputs: dict[str, Array], classes: list[list[tuple[str, float]]]
) -> None:
    message = codec.CLASSIFY(model_spec=spec("classify"), input=TWO)
    call = codec.decode_classify(message, MODEL)
    assert call.requests[0].inputs["inputs"].tolist() == [b"", b""]
    data = codec.encode_classify(call, [InferResponse(outputs)])
    answer = message_class("tensorflow.serving.ClassificationResponse").FromString(data)
    assert answer.model_spec.signature_name == "classify"
    assert [
        [(each.label, each.score) for each in row.classes] for row in answer.result.classifications
    ] == classes


def test_a_regression() -> None:
    call = codec.decode_regress(codec.REGRESS(model_spec=spec("regress"), input=TWO), MODEL)
    data = codec.encode_regress(call, [InferResponse({"outputs": np.float32([[1], [0]])})])
    answer = message_class("tensorflow.serving.RegressionResponse").FromString(data)
    assert [each.value for each in answer.result.regressions] == [1, 0]
    assert answer.model_spec.version.value == 3


def test_several_signatures_at_once() -> None:
    call = multi(("regress", REGRESS), ("classify", CLASSIFY))
    assert [request.signature for request in call.requests] == ["regress", "classify"]
    responses = [InferResponse({"outputs": np.float32([1, 2])}), InferResponse({"scores": SCORES})]
    data = codec.encode_multi(call, responses)
    first, second = (
        message_class("tensorflow.serving.MultiInferenceResponse").FromString(data).results
    )
    assert [each.value for each in first.regression_result.regressions] == [1, 2]
    assert second.model_spec.signature_name == "classify"
    assert len(second.classification_result.classifications) == 2


@pytest.mark.parametrize(
    ("tasks", "name", "code", "text"),
    [
        pytest.param(
            [("regress", REGRESS), ("regress", REGRESS)],
            "digits",
            Code.INVALID_ARGUMENT,
            "Duplicate evaluation of signature",
            id="a signature twice",
        ),
        pytest.param(
            [("regress", REGRESS)],
            "cats",
            Code.INVALID_ARGUMENT,
            "must access the same model name",
            id="another model",
        ),
        pytest.param(
            [("regress", "tensorflow/serving/predict")],
            "digits",
            Code.UNIMPLEMENTED,
            "Unsupported signature method_name",
            id="another method",
        ),
        pytest.param(
            [("regress", CLASSIFY)],
            "digits",
            Code.INVALID_ARGUMENT,
            'signature "regress" cannot classify',
            id="a signature of another method",
        ),
    ],
)
def test_tasks_that_are_refused(
    tasks: list[tuple[str, str]], name: str, code: Code, text: str
) -> None:
    with pytest.raises(InferenceError, match=text) as raised:
        multi(*tasks, name=name)
    assert raised.value.code is code
