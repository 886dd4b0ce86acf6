"""What each REST protocol says of the models themselves: state, signatures, statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from frazil_runtime import dtypes
from frazil_runtime.lifecycle import ModelInfo, State
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.models import Served
from frazil_runtime.request_signatures import as_prepared, remarks
from frazil_runtime.statistics import Compute, Span, Statistics

Record = dict[str, Any]

PLATFORM: Final = "tensorflow_graphdef"
SIGNATURES: Final = "signature_def"  # the one field that TensorFlow Serving's metadata has,
PREPARED: Final = "prepared_signature_def"  # and ours beside it
# Of Triton's extensions those that are whole here: of the repository's there is the index alone.
EXTENSIONS: Final = ("binary_tensor_data", "model_configuration", "schedule_policy", "statistics")

# A process that drains still answers, but asks clients that look here to go elsewhere.
_STATES: Final = {
    State.LOADING: "LOADING",
    State.WARMING: "LOADING",
    State.READY: "AVAILABLE",
    State.DRAINING: "UNLOADING",
}

_CONFIG_TYPES: Final = {
    dtype.name: f"TYPE_{dtype.oip}".replace("BYTES", "STRING")
    for dtype in dtypes.DTYPES
    if dtype.oip
}


def tf_serving_status(model: ModelInfo, state: State) -> Record:
    """The proto GetModelStatusResponse as JSON; the version is text there.

    Beside it stands ``ready``, which is what KServe's clients look at.
    """
    return {
        "ready": state is State.READY,
        "model_version_status": [
            {
                "version": model.version,
                "state": _STATES[state],
                "status": {"error_code": "OK", "error_message": ""},
            }
        ],
    }


def metadata_fields(manifest: Manifest) -> dict[str, Mapping[str, Signature]]:
    """The fields of TensorFlow Serving's metadata, each of which is a SignatureDefMap.

    A SignatureDef has room for one type of an input. So what takes images stands in a field of its
    own as well, by the same names, with the tensors that are made of them.
    """
    prepared = as_prepared(manifest)
    return {SIGNATURES: manifest.signatures} | ({PREPARED: prepared} if prepared else {})


def tf_serving_metadata(model: ModelInfo) -> Record:
    """The proto GetModelMetadataResponse as JSON: a SignatureDefMap, so named twice."""
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {
            field: {"signature_def": {name: _signature_def(s) for name, s in signatures.items()}}
            for field, signatures in metadata_fields(model.manifest).items()
        },
    }


def open_inference_server(version: str) -> Record:
    """Which server this is, and which of Triton's extensions it has as a whole."""
    return {"name": "frazil", "version": version, "extensions": EXTENSIONS}


def open_inference_model(model: ModelInfo) -> Record:
    """The default signature; -1 is a free dimension, and [-1] also a free rank.

    The ``parameters`` of an image input are MLServer's extension.
    """
    signature = model.manifest.signatures[model.manifest.default_signature]
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": _tensors(signature.inputs),
        "outputs": _tensors(signature.outputs),
    }


def open_inference_config(model: ModelInfo) -> Record:
    """The default signature in Triton's terms: ``max_batch_size`` 0, so dims are whole shapes."""
    signature = model.manifest.signatures[model.manifest.default_signature]
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "frazil",
        "max_batch_size": 0,
        "input": _configs(signature.inputs),
        "output": _configs(signature.outputs),
    }


def open_inference_statistics(served: Iterable[Served]) -> Record:
    """What each model has done since the process began, as Triton's statistics extension has it."""
    return {"model_stats": [_statistics(each.info, each.statistics) for each in served]}


def open_inference_index(models: Iterable[ModelInfo], state: State) -> list[Record]:
    """The models that a repository index lists."""
    ready = state is State.READY
    said = {"state": "READY", "reason": ""}
    if not ready:
        said = {"state": "UNAVAILABLE", "reason": state.value}
    return [{"name": model.name, "version": model.version, **said} for model in models]


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
            **({"parameters": said} if (said := remarks(tensor)) else {}),
        }
        for tensor in tensors
    ]


def _configs(tensors: Iterable[Tensor]) -> list[Record]:
    return [
        {
            "name": tensor.name,
            "data_type": _CONFIG_TYPES.get(tensor.dtype, "TYPE_INVALID"),
            "dims": [-1] if tensor.shape is None else tensor.shape,
        }
        for tensor in tensors
    ]


def _statistics(model: ModelInfo, done: Statistics) -> Record:
    return {
        "name": model.name,
        "version": model.version,
        "last_inference": int(done.last * 1000),
        "inference_count": done.rows,
        "execution_count": done.runs,
        "inference_stats": {
            "success": _span(done.requests),
            "fail": _span(done.failed),
            "queue": _span(done.queue),
            **_compute(done.compute),
            "cache_hit": _span(done.hits),
            "cache_miss": _span(done.misses),
        },
        "batch_stats": [
            {"batch_size": size, **_compute(compute)}
            for size, compute in sorted(done.batches.items())
        ],
    }


def _compute(compute: Compute) -> Record:
    return {
        "compute_input": _span(compute.input),
        "compute_infer": _span(compute.infer),
        "compute_output": _span(compute.output),
    }


def _span(span: Span) -> Record:
    return {"count": span.count, "ns": round(span.seconds * 1e9)}
