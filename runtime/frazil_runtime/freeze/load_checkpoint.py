"""TF1 checkpoints: ``prefix.meta`` holds the graph, ``prefix.index`` and the data shards the rest.

The format is that of tf.compat.v1.train.Saver.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.graphdef import node_name
from frazil_runtime.freeze.metagraph import MetaGraph, Restore
from frazil_runtime.freeze.names import candidates
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

# The key under which tf.train.Checkpoint stores its tree of Python objects.
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def load_checkpoint(prefix: Path, request: FreezeRequest) -> MetaGraph:
    """The graph of ``prefix.meta``; its signature is what the request names.

    Raises FreezeError: UNSUPPORTED_MODEL without a graph, INVALID_CHECKPOINT where a file is
    damaged, TENSOR_NOT_FOUND where no outputs are given.
    """
    path = prefix.with_name(f"{prefix.name}.meta")
    if not path.exists():
        raise FreezeError(Exit.UNSUPPORTED_MODEL, _without_graph(prefix))
    try:
        meta = MetaGraphDef.FromString(path.read_bytes())
    except DecodeError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{path.name} is damaged: {error}; upload it again"
        ) from error
    if not request.outputs:
        raise FreezeError(
            Exit.TENSOR_NOT_FOUND,
            "a bare checkpoint does not say which nodes are its outputs: name them in `outputs`. "
            f"Candidates: {candidates(meta.graph_def)}",
        )
    if not meta.saver_def.restore_op_name:
        raise FreezeError(
            Exit.UNSUPPORTED_MODEL,
            f"{path.name} holds no Saver, which says how the variables are restored: "
            "write the checkpoint with tf.compat.v1.train.Saver().save",
        )
    return MetaGraph(
        graph=meta.graph_def,
        restore=saver(meta, prefix),
        initialization=tables(meta),
        assets=_assets(meta, prefix.parent),
    )


def saver(meta: MetaGraphDef, prefix: Path) -> Restore | None:
    """How the variables of a meta graph come from the files at ``prefix``; None without any."""
    definition = meta.saver_def
    if not definition.restore_op_name:
        return None
    filename = definition.filename_tensor_name
    return Restore(node_name(definition.restore_op_name), filename, prefix)


def tables(meta: MetaGraphDef) -> tuple[str, ...]:
    """The operations that tf.compat.v1.tables_initializer() would group."""
    return tuple(meta.collection_def["table_initializer"].node_list.value)


def _assets(meta: MetaGraphDef, directory: Path) -> dict[str, Path]:
    """The files that the graph's tables read, where they lie beside the checkpoint.

    A path of the machine that trained is never followed: it is another file here, or none. Raises
    FreezeError (UNSUPPORTED_MODEL) where two of them could only lie beside it under one name.
    """
    tensors = list(meta.collection_def["asset_filepaths"].node_list.value)
    constants = {f"{node.name}:0": node for node in meta.graph_def.node if node.op == "Const"}
    found: dict[str, Path] = {}
    meant: dict[Path, str] = {}
    for tensor in tensors:
        if tensor in constants:
            value = tf.make_ndarray(constants[tensor].attr["value"].tensor).item().decode()
            path = directory / Path(value).name
            if meant.setdefault(path, value) != value:
                raise FreezeError(
                    Exit.UNSUPPORTED_MODEL,
                    f"tables are filled from {meant[path]} and from {value}, and only one of them "
                    f"can be {path.name} beside the checkpoint: export a SavedModel, which takes "
                    "both along",
                )
            if path.is_file():
                found[tensor] = path
    return found


def _without_graph(prefix: Path) -> str:
    name = prefix.name
    try:
        keys = tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{name}.index cannot be read: {error}; upload it again"
        ) from error
    if _OBJECT_GRAPH in keys:
        return (
            f"{name} is a TF2 object-based checkpoint: it holds weights, but no graph to run them. "
            "Export a SavedModel and freeze that: `model.export(path)` in Keras, "
            "`tf.saved_model.save(module, path)` for a tf.Module"
        )
    return (
        f"{name}.meta is missing: without it there are weights, but no graph to run them. "
        "Upload it beside the .index file (tf.compat.v1.train.Saver writes it), "
        "or export a SavedModel"
    )
