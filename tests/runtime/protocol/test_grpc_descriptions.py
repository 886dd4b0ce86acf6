"""What the gRPC protocols say of the models."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.models import NumpyEngine, manifest, model, tensor
from google.protobuf.json_format import MessageToDict

from frazil_runtime.dtypes import DTYPES
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import State
from frazil_runtime.models import Served
from frazil_runtime.protocol import descriptions, grpc_descriptions
from frazil_runtime.protocol.messages import POOL, message_class
from frazil_runtime.statistics import Compute, Span, Statistics

MANIFEST = manifest((tensor("x"), tensor("text", "string", None)), (tensor("y", "complex64"),))
MODEL = model(MANIFEST)
SERVED = Served(MODEL, NumpyEngine(MANIFEST, lambda inputs: {"y": np.array(inputs)}))


def test_the_signatures_are_those_that_rest_tells() -> None:
    answer = grpc_descriptions.tf_serving_metadata(MODEL, ["signature_def"])
    assert answer.model_spec.name == "digits"
    assert answer.model_spec.version.value == 3
    signatures = message_class("tensorflow.serving.SignatureDefMap")()
    assert answer.metadata["signature_def"].Unpack(signatures)
    found = MessageToDict(
        signatures,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        descriptor_pool=POOL,
    )
    assert found == descriptions.tf_serving_metadata(MODEL)["metadata"]["signature_def"]


@pytest.mark.parametrize("fields", [[], ["signature_def", "other"]])
def test_metadata_of_another_kind(fields: list[str]) -> None:
    with pytest.raises(InferenceError) as raised:
        grpc_descriptions.tf_serving_metadata(MODEL, fields)
    assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("state", "number"),
    [(State.LOADING, 20), (State.WARMING, 20), (State.READY, 30), (State.DRAINING, 40)],
)
def test_the_status_of_the_one_version(state: State, number: int) -> None:
    (status,) = grpc_descriptions.tf_serving_status(MODEL, state).model_version_status
    assert (status.version, status.state, status.status.error_code) == (3, number, 0)
    assert status.HasField("status")


def test_the_server() -> None:
    answer = grpc_descriptions.server("1.2")
    assert (answer.name, answer.version) == ("frazil", "1.2")
    assert "statistics" in answer.extensions


def test_the_model() -> None:
    answer = grpc_descriptions.model_metadata(MODEL)
    assert (answer.name, list(answer.versions), answer.platform) == (
        "digits",
        ["3"],
        "tensorflow_graphdef",
    )
    assert [(each.name, each.datatype, list(each.shape)) for each in answer.inputs] == [
        ("x", "FP32", [-1, 2]),
        ("text", "BYTES", [-1]),
    ]
    assert [each.datatype for each in answer.outputs] == ["COMPLEX64"]


def test_the_configuration() -> None:
    config = grpc_descriptions.model_config(MODEL).config
    assert (config.name, config.max_batch_size) == ("digits", 0)
    assert [(each.name, each.data_type, list(each.dims)) for each in config.input] == [
        ("x", 11, [-1, 2]),
        ("text", 13, [-1]),
    ]
    assert [each.data_type for each in config.output] == [0]


def test_each_datatype_has_a_name_in_configurations() -> None:
    tensors = tuple(tensor(dtype.name, dtype.name) for dtype in DTYPES)
    config = grpc_descriptions.model_config(model(manifest(tensors))).config
    unnamed = [each.name for each in config.input if not each.data_type]
    assert unnamed == ["complex64", "complex128"]


def test_statistics_count_in_nanoseconds() -> None:
    part = Compute(Span(1, 0.1), Span(2, 0.2), Span(3, 0.3))
    done = Statistics(
        rows=7, runs=2, last=5.25, queue=Span(4, 1e-9), compute=part, batches={4: part}
    )
    (record,) = grpc_descriptions.statistics([Served(MODEL, SERVED.engine, done)]).model_stats
    assert (record.name, record.version, record.last_inference) == ("digits", "3", 5250)
    assert (record.inference_count, record.execution_count) == (7, 2)
    assert (record.inference_stats.queue.count, record.inference_stats.queue.ns) == (4, 1)
    assert record.inference_stats.compute_infer.ns == 200_000_000
    (batch,) = record.batch_stats
    assert (batch.batch_size, batch.compute_output.count) == (4, 3)


@pytest.mark.parametrize(
    ("ready", "only_ready", "models"),
    [
        (True, False, [("digits", "3", "READY")]),
        (True, True, [("digits", "3", "READY")]),
        (False, False, [("digits", "3", "UNAVAILABLE")]),
        (False, True, []),
    ],
)
def test_the_index(ready: bool, only_ready: bool, models: list[tuple[str, str, str]]) -> None:
    answer = grpc_descriptions.index([SERVED], ready=ready, only_ready=only_ready)
    assert [(each.name, each.version, each.state) for each in answer.models] == models
