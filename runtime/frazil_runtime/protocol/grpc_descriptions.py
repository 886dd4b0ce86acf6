"""What the gRPC protocols say of the models: state, signatures, configuration, statistics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from frazil_runtime import dtypes
from frazil_runtime.errors import invalid
from frazil_runtime.lifecycle import ModelInfo, State
from frazil_runtime.manifest import Signature, Tensor
from frazil_runtime.models import Served
from frazil_runtime.protocol.descriptions import EXTENSIONS, metadata_fields
from frazil_runtime.protocol.messages import Message, message_class
from frazil_runtime.request_signatures import remarks
from frazil_runtime.statistics import Compute, Span, Statistics

_METADATA: Final = message_class("tensorflow.serving.GetModelMetadataResponse")
_SIGNATURES: Final = message_class("tensorflow.serving.SignatureDefMap")
_STATUS: Final = message_class("tensorflow.serving.GetModelStatusResponse")
_SERVER: Final = message_class("inference.ServerMetadataResponse")
_MODEL: Final = message_class("inference.ModelMetadataResponse")
_CONFIG: Final = message_class("inference.ModelConfigResponse")
_STATISTICS: Final = message_class("inference.ModelStatisticsResponse")
_INDEX: Final = message_class("inference.RepositoryIndexResponse")

PLATFORM: Final = "tensorflow_graphdef"

# A process that drains still answers, but asks clients that look here to go elsewhere.
_STATES: Final = {State.READY: "AVAILABLE", State.DRAINING: "UNLOADING"}


def tf_serving_metadata(model: ModelInfo, fields: Iterable[str]) -> Message:
    """The fields of the metadata that a client asks for: ``descriptions.metadata_fields``."""
    wanted, known = set(fields), metadata_fields(model.manifest)
    if not wanted:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    if wanted - known.keys():
        raise invalid(f"Metadata field is not supported: there is {' and '.join(known)}")
    answer = _METADATA()
    answer.model_spec.name = model.name
    answer.model_spec.version.value = int(model.version)
    for field in wanted:
        signatures = _SIGNATURES()
        for name, signature in known[field].items():
            _fill_signature(signatures.signature_def[name], signature)
        answer.metadata[field].Pack(signatures)
    return answer


def tf_serving_status(model: ModelInfo, state: State) -> Message:
    """The state of the model's one version."""
    answer = _STATUS()
    status = answer.model_version_status.add(
        version=int(model.version), state=_STATES.get(state, "LOADING")
    )
    status.status.error_code = 0
    return answer


def server(version: str) -> Message:
    """Which server this is, and which of Triton's extensions it has."""
    return _SERVER(name="frazil", version=version, extensions=EXTENSIONS)


def model_metadata(model: ModelInfo) -> Message:
    """The default signature; -1 is a free dimension, and [-1] also a free rank."""
    signature = model.manifest.signatures[model.manifest.default_signature]
    answer = _MODEL(name=model.name, versions=[model.version], platform=PLATFORM)
    for tensors, records in (
        (signature.inputs, answer.inputs),
        (signature.outputs, answer.outputs),
    ):
        for tensor in tensors:
            record = records.add(name=tensor.name, datatype=_datatype(tensor), shape=_shape(tensor))
            for key, text in remarks(tensor).items():
                record.parameters[key].string_param = text
    return answer


def model_config(model: ModelInfo) -> Message:
    """The same in Triton's terms. Shapes are whole, batch included: so ``max_batch_size`` is 0."""
    signature = model.manifest.signatures[model.manifest.default_signature]
    answer = _CONFIG()
    config = answer.config
    config.name, config.platform, config.backend = model.name, PLATFORM, "frazil"
    for tensors, records in ((signature.inputs, config.input), (signature.outputs, config.output)):
        for tensor in tensors:
            records.add(name=tensor.name, data_type=_config_type(tensor), dims=_shape(tensor))
    return answer


def statistics(served: Iterable[Served]) -> Message:
    """What each model has done since the process began."""
    answer = _STATISTICS()
    for each in served:
        _fill_statistics(answer.model_stats.add(), each.info, each.statistics)
    return answer


def index(served: Iterable[Served], *, ready: bool, only_ready: bool) -> Message:
    """The models there are, or those of them that are ready."""
    answer = _INDEX()
    for each in () if only_ready and not ready else served:
        answer.models.add(
            name=each.info.name,
            version=each.info.version,
            state="READY" if ready else "UNAVAILABLE",
        )
    return answer


def _fill_signature(record: Message, signature: Signature) -> None:
    record.method_name = signature.method
    for tensors, infos in (
        (signature.inputs, record.inputs),
        (signature.outputs, record.outputs),
    ):
        for tensor in tensors:
            info = infos[tensor.name]
            info.name = tensor.tensor
            info.dtype = dtypes.BY_NAME[tensor.dtype].enum
            info.tensor_shape.unknown_rank = tensor.shape is None
            for size in tensor.shape or ():
                info.tensor_shape.dim.add(size=size)


def _fill_statistics(record: Message, model: ModelInfo, done: Statistics) -> None:
    record.name, record.version = model.name, model.version
    record.last_inference = int(done.last * 1000)
    record.inference_count, record.execution_count = done.rows, done.runs
    parts = record.inference_stats
    for name, span in (
        ("success", done.requests),
        ("fail", done.failed),
        ("queue", done.queue),
        ("cache_hit", done.hits),
        ("cache_miss", done.misses),
    ):
        _fill_span(getattr(parts, name), span)
    _fill_compute(parts, done.compute)
    for size, compute in sorted(done.batches.items()):
        _fill_compute(record.batch_stats.add(batch_size=size), compute)


def _fill_compute(record: Message, compute: Compute) -> None:
    _fill_span(record.compute_input, compute.input)
    _fill_span(record.compute_infer, compute.infer)
    _fill_span(record.compute_output, compute.output)


def _fill_span(record: Message, span: Span) -> None:
    record.count = span.count
    record.ns = round(span.seconds * 1e9)


def _datatype(tensor: Tensor) -> str:
    return dtypes.BY_NAME[tensor.dtype].oip or tensor.dtype.upper()


def _config_type(tensor: Tensor) -> str:
    datatype = dtypes.BY_NAME[tensor.dtype].oip
    if datatype == "BYTES":
        return "TYPE_STRING"
    return f"TYPE_{datatype}" if datatype else "TYPE_INVALID"


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return (-1,) if tensor.shape is None else tensor.shape
