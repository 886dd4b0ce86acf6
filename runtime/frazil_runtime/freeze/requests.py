"""TensorFlow Serving's warm-up requests: assets.extra/tf_serving_warmup_requests, PredictionLogs.

The messages (tensorflow_serving/apis/prediction_log.proto and predict.proto) are read by field
number, which saves a dependency for four of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework.tensor_pb2 import TensorProto

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import fields
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Arrays
from frazil_runtime.manifest import Signature

FILE = "assets.extra/tf_serving_warmup_requests"
_DEFAULT = "serving_default"
_LIMIT = 32

# PredictionLog.predict_log, PredictLog.request, PredictRequest.model_spec and .inputs (a map:
# entries of key and value), ModelSpec.signature_name.
_PREDICT_LOG, _REQUEST, _MODEL_SPEC, _INPUTS, _KEY, _VALUE, _SIGNATURE_NAME = 6, 1, 1, 2, 1, 2, 3


def recorded(model: Path, signatures: Mapping[str, Signature]) -> dict[str, list[Arrays]]:
    """The predict requests recorded with a SavedModel, by signature; others are passed over.

    Raises FreezeError (INVALID_CHECKPOINT) where the file is damaged.
    """
    path = model / FILE
    found: dict[str, list[Arrays]] = {}
    if not path.is_file():
        return found
    for record in _records(path):
        try:
            name, inputs = _request(record)
        except (DecodeError, ValueError, StopIteration):
            continue
        signature = signatures.get(name)
        if signature and {tensor.name for tensor in signature.inputs} <= inputs.keys():
            found.setdefault(name, []).append(inputs)
    return found


def _records(path: Path) -> list[bytes]:
    try:
        return list(tf.data.TFRecordDataset(str(path)).take(_LIMIT).as_numpy_iterator())
    except tf.errors.DataLossError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"{FILE} is damaged ({error.message}): upload it again, or take it away",
        ) from error


def _request(record: bytes) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    request = next(fields.at(record, _PREDICT_LOG, _REQUEST))
    name = next(fields.at(request, _MODEL_SPEC, _SIGNATURE_NAME), b"").decode() or _DEFAULT
    inputs = {}
    for entry in fields.at(request, _INPUTS):
        proto = TensorProto.FromString(next(fields.at(entry, _VALUE)))
        inputs[next(fields.at(entry, _KEY)).decode()] = tf.make_ndarray(proto)
    return name, inputs
