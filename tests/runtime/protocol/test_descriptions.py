"""What each protocol says of the model."""

from __future__ import annotations

import pytest
from fakes.models import manifest, model, tensor

from frazil_runtime.lifecycle import State
from frazil_runtime.models import Served
from frazil_runtime.protocol import descriptions
from frazil_runtime.requests import InferRequest, InferResponse
from frazil_runtime.statistics import Compute, Statistics

MODEL = model(
    manifest(
        (tensor("x"), tensor("any", "string", None)),
        (tensor("y", "float64", ()), tensor("z", "complex64", (3,))),
    )
)


def test_metadata_names_signatures_as_tensorflow_serving_does() -> None:
    def info(dtype: str, name: str, *sizes: str, unknown_rank: bool = False) -> object:
        dims = [{"size": size, "name": ""} for size in sizes]
        shape = {"dim": dims, "unknown_rank": unknown_rank}
        return {"dtype": dtype, "tensor_shape": shape, "name": name}

    assert descriptions.tf_serving_metadata(MODEL) == {
        "model_spec": {"name": "digits", "signature_name": "", "version": "3"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {
                            "x": info("DT_FLOAT", "x:0", "-1", "2"),
                            "any": info("DT_STRING", "any:0", unknown_rank=True),
                        },
                        "outputs": {
                            "y": info("DT_DOUBLE", "y:0"),
                            "z": info("DT_COMPLEX64", "z:0", "3"),
                        },
                        "method_name": "tensorflow/serving/predict",
                    }
                }
            }
        },
    }


@pytest.mark.parametrize(
    ("state", "name"),
    [
        pytest.param(State.WARMING, "LOADING", id="a model that warms up is loading"),
        pytest.param(State.READY, "AVAILABLE", id="a ready model is available"),
        pytest.param(State.DRAINING, "UNLOADING", id="a draining model is unloading"),
    ],
)
def test_status(state: State, name: str) -> None:
    assert descriptions.tf_serving_status(MODEL, state) == {
        "ready": state is State.READY,
        "model_version_status": [
            {"version": "3", "state": name, "status": {"error_code": "OK", "error_message": ""}}
        ],
    }


def test_metadata_names_tensors_as_the_open_inference_protocol_does() -> None:
    assert descriptions.open_inference_model(MODEL) == {
        "name": "digits",
        "versions": ["3"],
        "platform": "tensorflow_graphdef",
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": (-1, 2)},
            {"name": "any", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "y", "datatype": "FP64", "shape": ()},
            {"name": "z", "datatype": "COMPLEX64", "shape": (3,)},
        ],
    }


def test_a_configuration_has_whole_shapes_and_so_no_batch_size() -> None:
    assert descriptions.open_inference_config(MODEL) == {
        "name": "digits",
        "platform": "tensorflow_graphdef",
        "backend": "frazil",
        "max_batch_size": 0,
        "input": [
            {"name": "x", "data_type": "TYPE_FP32", "dims": (-1, 2)},
            {"name": "any", "data_type": "TYPE_STRING", "dims": [-1]},
        ],
        "output": [
            {"name": "y", "data_type": "TYPE_FP64", "dims": ()},
            {"name": "z", "data_type": "TYPE_INVALID", "dims": (3,)},
        ],
    }


class Nobody:
    async def infer(self, _: InferRequest) -> InferResponse:
        raise AssertionError("nobody asks")


def test_statistics_are_in_nanoseconds_since_the_process_began() -> None:
    done = Statistics(rows=5, runs=2, last=1700000000.1234)
    done.requests.add(0.5, 3)
    done.failed.add(0.25)
    done.queue.add(0.1)
    done.compute.infer.add(0.000001)
    done.hits.add(0.002)
    done.batches[4] = Compute()
    done.batches[1] = Compute()
    done.batches[1].infer.add(3.0)
    nothing = {"count": 0, "ns": 0}
    assert descriptions.open_inference_statistics([Served(MODEL, Nobody(), done)]) == {
        "model_stats": [
            {
                "name": "digits",
                "version": "3",
                "last_inference": 1700000000123,
                "inference_count": 5,
                "execution_count": 2,
                "inference_stats": {
                    "success": {"count": 3, "ns": 500_000_000},
                    "fail": {"count": 1, "ns": 250_000_000},
                    "queue": {"count": 1, "ns": 100_000_000},
                    "compute_input": nothing,
                    "compute_infer": {"count": 1, "ns": 1000},
                    "compute_output": nothing,
                    "cache_hit": {"count": 1, "ns": 2_000_000},
                    "cache_miss": nothing,
                },
                "batch_stats": [
                    {
                        "batch_size": 1,
                        "compute_input": nothing,
                        "compute_infer": {"count": 1, "ns": 3_000_000_000},
                        "compute_output": nothing,
                    },
                    {
                        "batch_size": 4,
                        "compute_input": nothing,
                        "compute_infer": nothing,
                        "compute_output": nothing,
                    },
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("state", "said"),
    [
        pytest.param(State.READY, {"state": "READY", "reason": ""}, id="a ready model"),
        pytest.param(
            State.DRAINING, {"state": "UNAVAILABLE", "reason": "draining"}, id="a draining model"
        ),
    ],
)
def test_the_index_tells_the_state(state: State, said: dict[str, str]) -> None:
    listed = descriptions.open_inference_index([MODEL], state)
    assert listed == [{"name": "digits", "version": "3", **said}]


def test_the_server_claims_no_extension_that_it_lacks() -> None:
    assert descriptions.open_inference_server("1") == {
        "name": "frazil",
        "version": "1",
        "extensions": (
            "binary_tensor_data",
            "model_configuration",
            "schedule_policy",
            "statistics",
        ),
    }
