"""TensorFlow Serving's client: ``tensorflow_serving_api.py HOST:PORT``."""

import sys

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

SECONDS = 20
channel = grpc.insecure_channel(sys.argv[1])
predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
models = model_service_pb2_grpc.ModelServiceStub(channel)
X = np.float32([[1, 2], [3, 4]])


def named(request: object, signature: str = "", version: int | None = None) -> object:
    request.model_spec.name = "digits"
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    return request


def example(**values: float) -> tf.train.Example:
    features = {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def refused(call: object, request: object) -> tuple[grpc.StatusCode, str]:
    try:
        call(request, timeout=SECONDS)
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError(f"{call} was not refused")


request = named(predict_pb2.PredictRequest(), version=3)
request.inputs["x"].CopyFrom(tf.make_tensor_proto(X))
request.output_filter.append("y")
answer = predictions.Predict(request, timeout=SECONDS)
assert np.array_equal(tf.make_ndarray(answer.outputs["y"]), X * 2)
assert list(answer.outputs["y"].float_val) == [2, 4, 6, 8]
assert answer.model_spec.version.value == 3

texts = [b"", b"\xff", "ä".encode()]
request = named(predict_pb2.PredictRequest(), "text")
request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts))
answer = predictions.Predict(request, timeout=SECONDS)
assert tf.make_ndarray(answer.outputs["same"]).tolist() == texts

request = named(classification_pb2.ClassificationRequest(), "classify")
request.input.example_list.examples.extend([example(a=1), example(a=2, b=3)])
result = predictions.Classify(request, timeout=SECONDS).result
sizes = [example.ByteSize() for example in request.input.example_list.examples]
assert [row.classes[0].score for row in result.classifications] == sizes
assert [row.classes[0].label for row in result.classifications] == ["size", "size"]

request = named(regression_pb2.RegressionRequest(), "regress")
request.input.example_list_with_context.examples.append(example(a=1))
request.input.example_list_with_context.context.CopyFrom(example(b=2))
result = predictions.Regress(request, timeout=SECONDS).result
assert [each.value for each in result.regressions] == [2 * example(a=1).ByteSize()]

request = inference_pb2.MultiInferenceRequest()
request.input.example_list.examples.append(example(a=1))
for signature in ("classify", "regress"):
    task = named(request.tasks.add(), signature)
    task.method_name = f"tensorflow/serving/{signature}"
results = predictions.MultiInference(request, timeout=SECONDS).results
assert results[0].classification_result.classifications[0].classes[0].label == "size"
assert results[1].regression_result.regressions[0].value == example(a=1).ByteSize()

request = named(get_model_metadata_pb2.GetModelMetadataRequest())
request.metadata_field.append("signature_def")
signatures = get_model_metadata_pb2.SignatureDefMap()
answer = predictions.GetModelMetadata(request, timeout=SECONDS)
assert answer.metadata["signature_def"].Unpack(signatures)
found = signatures.signature_def["serving_default"].inputs["x"]
assert found.dtype == tf.float32.as_datatype_enum
assert [dim.size for dim in found.tensor_shape.dim] == [-1, 2]

status = models.GetModelStatus(
    named(get_model_status_pb2.GetModelStatusRequest()), timeout=SECONDS
).model_version_status[0]
assert (status.version, status.state) == (3, get_model_status_pb2.ModelVersionStatus.AVAILABLE)

request = predict_pb2.PredictRequest()
request.model_spec.name = "cats"
assert refused(predictions.Predict, request)[0] is grpc.StatusCode.NOT_FOUND
code, text = refused(models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
assert code is grpc.StatusCode.UNIMPLEMENTED
assert "change the ModelDeployment" in text
