"""What each REST protocol says of the model itself: its state and its signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from frazil_runtime import dtypes
from frazil_runtime.lifecycle import ModelInfo, State
from frazil_runtime.manifest import Signature, Tensor

Record = dict[str, Any]

# A process that drains still answers, but asks clients that look here to go elsewhere.
_STATES: Final = {
    State.LOADING: "LOADING",
    State.WARMING: "LOADING",
    State.READY: "AVAILABLE",
    State.DRAINING: "UNLOADING",
}


def tf_serving_status(model: ModelInfo, state: State) -> Record:
    """The proto GetModelStatusResponse as JSON; the version is text there."""
    return {
        "model_version_status": [
            {
                "version": model.version,
                "state": _STATES[state],
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


def tf_serving_metadata(model: ModelInfo) -> Record:
    """The proto GetModelMetadataResponse as JSON: a SignatureDefMap, so named twice."""
    signatures = {
        name: _signature_def(signature) for name, signature in model.manifest.signatures.items()
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def open_inference_server(version: str) -> Record:
    """Which server this is; no extensions yet."""
    return {"name": "frazil", "version": version, "extensions": []}


def open_inference_model(model: ModelInfo) -> Record:
    """The default signature; -1 is a free dimension, and [-1] also a free rank."""
    signature = model.manifest.signatures[model.manifest.default_signature]
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "tensorflow_graphdef",
        "inputs": _tensors(signature.inputs),
        "outputs": _tensors(signature.outputs),
    }


def _signature_def(signature: Signature) -> Record:
    return {
        "inputs": _tensor_infos(signature.inputs),
        "outputs": _tensor_infos(signature.outputs),
        "method_name": signature.method,
    }


def _tensor_infos(tensors: Iterable[Tensor]) -> Mapping[str, Record]:
    return {
        tensor.name: {
            "dtype": dtypes.BY_NAME[tensor.dtype].proto,
            "tensor_shape": {
                "dim": [{"size": str(size), "name": ""} for size in tensor.shape or ()],
                "unknown_rank": tensor.shape is None,
            },
            "name": tensor.tensor,
        }
        for tensor in tensors
    }


def _tensors(tensors: Iterable[Tensor]) -> list[Record]:
    return [
        {
            "name": tensor.name,
            "datatype": dtypes.BY_NAME[tensor.dtype].oip or tensor.dtype.upper(),
            "shape": [-1] if tensor.shape is None else tensor.shape,
        }
        for tensor in tensors
    ]
