"""Images through TensorFlow Serving's client: ``… HTTP GRPC JPEG URI MEANS``.

The model ``photos`` has one input, ``photo``, and answers with the mean of each channel.
"""

import json
import sys
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

GRPC, FILE, URI = sys.argv[2:5]
MEANS = np.float32(json.loads(sys.argv[5]))
JPEG = Path(FILE).read_bytes()
stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(GRPC))


def predict(value: object) -> np.ndarray:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "photos"
    request.inputs["photo"].CopyFrom(tf.make_tensor_proto(value))
    return tf.make_ndarray(stub.Predict(request, timeout=60).outputs["y"])


def refused(value: object) -> str:
    try:
        predict(value)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
        return error.details()
    raise AssertionError("it was not refused")


for value in ([JPEG, JPEG], np.tile(MEANS, (2, 6, 4, 1)).astype(np.float32)):
    answer = predict(value)
    assert answer.shape == (2, 3)
    assert np.abs(answer - MEANS).max() <= 2, answer

assert "TensorFlow Serving over gRPC takes bytes alone" in refused([URI])
assert "row 1 is no image" in refused([JPEG, b"?"])
assert "strings that are images" in refused(np.zeros((1, 6, 4, 3), np.uint8))
assert "must have shape [-1, 6, 4, 3]" in refused(np.zeros((1, 3), np.float32))

request = get_model_metadata_pb2.GetModelMetadataRequest()
request.model_spec.name = "photos"
fields = {"signature_def": tf.string, "prepared_signature_def": tf.float32}
request.metadata_field.extend(fields)
metadata = stub.GetModelMetadata(request, timeout=60).metadata
for field, dtype in fields.items():
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert metadata[field].Unpack(signatures)
    photo = signatures.signature_def["serving_default"].inputs["photo"]
    assert photo.dtype == dtype.as_datatype_enum
