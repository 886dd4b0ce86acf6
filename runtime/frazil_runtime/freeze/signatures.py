"""TensorFlow's SignatureDefs, and those a user names, as the manifest's signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from frazil_runtime.contract import Exit
from frazil_runtime.dtypes import BY_ENUM
from frazil_runtime.freeze.graphdef import ancestors, node_name, prune, tensor_name
from frazil_runtime.freeze.importer import import_graph
from frazil_runtime.freeze.names import nearest
from frazil_runtime.freeze.refusals import unknown_operations
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.sparse import parts
from frazil_runtime.manifest import Signature, Tensor

_PREDICT = "tensorflow/serving/predict"
_REFERENCE = 100  # types.proto: DT_FLOAT_REF is DT_FLOAT + 100, a variable's own tensor


def from_definition(definition: SignatureDef) -> Signature:
    """A SavedModel's signature; a sparse tensor becomes three named ones.

    Raises FreezeError (UNSUPPORTED_MODEL) that names a ragged, resource, variant or quantised
    tensor.
    """
    return Signature(
        inputs=tuple(_tensors(definition.inputs)),
        outputs=tuple(_tensors(definition.outputs)),
        method=definition.method_name or _PREDICT,
    )


def from_request(graph: GraphDef, request: FreezeRequest) -> Signature:
    """The signature of ``request.inputs`` and ``request.outputs``.

    Without inputs these are the placeholders that the outputs depend on, under their node's names.
    Raises FreezeError: TENSOR_NOT_FOUND with the nearest names in the graph, INVALID_REQUEST where
    an input is fed a constant.
    """
    outputs = {alias: tensor_name(name) for alias, name in request.outputs.items()}
    inputs = {alias: tensor_name(name) for alias, name in request.inputs.items()}
    fed = {node_name(name) for name in request.feeds}
    if both := sorted(alias for alias, name in inputs.items() if node_name(name) in fed):
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{', '.join(both)} stands in `inputs` and its node in `feeds`: what is fed a constant "
            "is no input; take it out of one of them",
        )
    if not inputs:
        names = placeholders(graph, list(outputs.values()))
        inputs = {name: tensor_name(name) for name in names}
    _require_nodes(graph, "output", outputs)
    _require_nodes(graph, "input", inputs)
    imported = _import(prune(graph, [*outputs.values(), *inputs.values()]))
    # Sorted: in which order they were written is no part of the artifact.
    return Signature(
        inputs=tuple(_find(imported, "input", *pair) for pair in sorted(inputs.items())),
        outputs=tuple(_find(imported, "output", *pair) for pair in sorted(outputs.items())),
    )


def placeholders(graph: GraphDef, outputs: list[str], stop: tuple[str, ...] = ()) -> list[str]:
    """The placeholders without a default that ``outputs`` depend on, not looking past ``stop``."""
    needed = ancestors(graph, outputs, stop) - {node_name(name) for name in stop}
    kinds = ("Placeholder", "PlaceholderV2")
    return sorted(node.name for node in graph.node if node.name in needed and node.op in kinds)


def unfed(graph: GraphDef, signature: Signature) -> str | None:
    """The placeholders that the outputs need and nobody would feed, and what to do; else None."""
    stop = tuple(tensor.tensor for tensor in signature.inputs)
    missing = placeholders(graph, [tensor.tensor for tensor in signature.outputs], stop)
    if not missing:
        return None
    return (
        f"the outputs also depend on the placeholders {', '.join(missing)}: "
        "name them in `inputs`, or give them a value in `feeds`"
    )


def require(graph: GraphDef, signatures: Mapping[str, Signature]) -> None:
    """Raise FreezeError (INVALID_CHECKPOINT) where a signature names a node that is not there."""
    nodes = {node.name for node in graph.node}
    for name, signature in signatures.items():
        for tensor in (*signature.inputs, *signature.outputs):
            if node_name(tensor.tensor) not in nodes:
                raise absent(name, tensor)


def absent(signature: str, tensor: Tensor) -> FreezeError:
    """The error for a model whose signature names a tensor that its graph does not have."""
    return FreezeError(
        Exit.INVALID_CHECKPOINT,
        f"signature {signature!r} has {tensor.name!r} at {tensor.tensor}, which is not in the "
        "graph: the model was damaged or edited; export it again",
    )


def _require_nodes(graph: GraphDef, role: str, tensors: Mapping[str, str]) -> None:
    nodes = {node.name for node in graph.node}
    for alias, name in tensors.items():
        if node_name(name) not in nodes:
            raise _not_found(role, alias, name, [tensor_name(node) for node in sorted(nodes)])


def _not_found(role: str, alias: str, name: str, known: list[str]) -> FreezeError:
    wanted = alias if name == tensor_name(alias) else f"{alias}={name}"
    message = f"{role} {wanted!r} is not in the graph{nearest(name, known)}"
    return FreezeError(Exit.TENSOR_NOT_FOUND, message)


def _import(graph: GraphDef) -> Any:
    why = unknown_operations(graph)
    if why:
        raise FreezeError(Exit.UNSUPPORTED_MODEL, why)
    imported = tf.Graph()
    with imported.as_default():
        import_graph(graph)
    return imported


def _find(graph: Any, role: str, alias: str, name: str) -> Tensor:
    """The tensor with the dtype and shape that the graph infers."""
    operation = graph.get_operation_by_name(node_name(name))
    known = {tensor.name: tensor for tensor in operation.outputs}
    if name not in known:
        raise _not_found(role, alias, name, sorted(known))
    tensor = known[name]
    return _tensor(alias, name, tensor.dtype.base_dtype.as_datatype_enum, tensor.shape.as_proto())


def _tensors(infos: Mapping[str, TensorInfo]) -> Iterator[Tensor]:
    for alias in sorted(infos):
        info = infos[alias]
        if info.HasField("coo_sparse"):
            sparse = info.coo_sparse
            names = sparse.indices_tensor_name, sparse.values_tensor_name
            yield from _sparse(alias, info, (*names, sparse.dense_shape_tensor_name))
        elif info.HasField("composite_tensor"):
            spec = info.composite_tensor.type_spec
            kind = spec.TypeSpecClass.Name(spec.type_spec_class)
            if kind != "SPARSE_TENSOR_SPEC":
                raise _unsupported(alias, "ragged" if "RAGGED" in kind else kind.lower())
            parts = info.composite_tensor.components
            yield from _sparse(alias, parts[1], tuple(part.name for part in parts))
        else:
            yield _tensor(alias, info.name, info.dtype, info.tensor_shape)


def _sparse(alias: str, info: TensorInfo, names: tuple[str, ...]) -> Iterator[Tensor]:
    """The components of a tf.SparseTensor, under their names there."""
    rank = -1 if info.tensor_shape.unknown_rank else len(info.tensor_shape.dim) or -1
    aliases = parts(alias)
    yield Tensor(aliases[0], names[0], "int64", (-1, rank))
    yield Tensor(aliases[1], names[1], _dtype(alias, info.dtype), (-1,))
    yield Tensor(aliases[2], names[2], "int64", (rank,))


def _tensor(alias: str, name: str, dtype: int, shape: TensorShapeProto) -> Tensor:
    dims = None if shape.unknown_rank else tuple(int(dim.size) for dim in shape.dim)
    return Tensor(alias, name, _dtype(alias, dtype), dims)


def _dtype(alias: str, enum: int) -> str:
    enum = enum % _REFERENCE
    if enum not in BY_ENUM:
        raise _unsupported(alias, DataType.Name(enum).removeprefix("DT_").lower())
    return BY_ENUM[enum].name


def _unsupported(alias: str, kind: str) -> FreezeError:
    return FreezeError(
        Exit.UNSUPPORTED_MODEL,
        f"{alias!r} is a {kind} tensor, which no client can send or read: "
        "export a signature with dense or sparse tensors",
    )
