"""What each protocol says of the model."""

from __future__ import annotations

import pytest
from fakes.models import manifest, model, tensor

from frazil_runtime.lifecycle import State
from frazil_runtime.protocol import descriptions

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
        "model_version_status": [
            {"version": "3", "state": name, "status": {"error_code": "OK", "error_message": ""}}
        ]
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
