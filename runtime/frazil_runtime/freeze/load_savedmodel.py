"""SavedModels of TensorFlow 1 and 2, read as what they are on disk: meta graphs.

tf.saved_model.load would rebuild Python objects, and refuses what Keras 2 wrote with optimizer
slots; the graph, the restore operation and the signatures need none of that.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.types_pb2 import DT_STRING
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef, MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import protobuf, signatures
from frazil_runtime.freeze.graphdef import node_name
from frazil_runtime.freeze.listing import SAVED_MODEL
from frazil_runtime.freeze.load_checkpoint import saver, tables
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.manifest import Signature

_INITIALIZATION = "__saved_model_init_op"  # both a signature (TF2) and a collection's name (TF1)
_MAIN_OPS = ("saved_model_main_op", "legacy_init_op")
_RESERVED = (_INITIALIZATION, "__saved_model_train_op")


def load_savedmodel(directory: Path, request: FreezeRequest) -> MetaGraph:
    """The meta graph that has the request's tags, with its signatures and assets.

    Raises FreezeError: INVALID_CHECKPOINT where it cannot be parsed or does not fit together,
    INVALID_REQUEST where no meta graph has the tags.
    """
    meta = _tagged(_parse(directory), request.tags)
    supported: dict[str, Signature] = {}
    unsupported: dict[str, str] = {}
    for name in sorted(set(meta.signature_def) - set(_RESERVED)):
        try:
            supported[name] = signatures.from_definition(meta.signature_def[name])
        except FreezeError as error:
            unsupported[name] = str(error)
    signatures.require(meta.graph_def, supported)
    prefix = directory / "variables" / "variables"
    return MetaGraph(
        graph=_without_path_variables(meta.graph_def),
        signatures=supported,
        unsupported=unsupported,
        restore=saver(meta, prefix) if prefix.with_name("variables.index").exists() else None,
        initialization=_initialization(meta),
        assets=_assets(meta, directory / "assets"),
    )


def _parse(directory: Path) -> SavedModel:
    path = next((p for name in SAVED_MODEL if (p := directory / name).exists()), None)
    if path is None:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"{directory.name} holds no {SAVED_MODEL[0]} (split SavedModels are not read)",
        )
    try:
        return protobuf.read(path, SavedModel)
    except DecodeError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT, f"{path.name} is damaged: {error}; upload it again"
        ) from error


def _tagged(model: SavedModel, tags: tuple[str, ...]) -> MetaGraphDef:
    for meta in model.meta_graphs:
        if set(meta.meta_info_def.tags) == set(tags):
            return meta
    known = [sorted(meta.meta_info_def.tags) for meta in model.meta_graphs]
    raise FreezeError(
        Exit.INVALID_REQUEST,
        f"the SavedModel has no graph with the tags {sorted(tags)}; it has {known}: "
        "name one of these in `tags`",
    )


def _initialization(meta: MetaGraphDef) -> tuple[str, ...]:
    """The one main operation where there is one, else every table's own."""
    if _INITIALIZATION in meta.signature_def:
        outputs = meta.signature_def[_INITIALIZATION].outputs
        return (node_name(outputs[_INITIALIZATION].name),)
    for name in _MAIN_OPS:
        operations = meta.collection_def[name].node_list.value
        if operations:
            return tuple(operations)
    return tables(meta)


def _assets(meta: MetaGraphDef, directory: Path) -> dict[str, Path]:
    """The file of each asset tensor; nothing outside ``directory`` can be one."""
    definitions = list(meta.asset_file_def)
    if not definitions:
        packed = meta.collection_def["saved_model_assets"].any_list.value
        definitions = [AssetFileDef.FromString(asset.value) for asset in packed]
    found = {}
    for asset in definitions:
        path = directory / asset.filename
        if not path.resolve().is_relative_to(directory.resolve()) or not path.is_file():
            raise FreezeError(
                Exit.INVALID_CHECKPOINT,
                f"the asset assets/{asset.filename} is missing: upload it beside saved_model.pb",
            )
        found[asset.tensor_info.name] = path
    return found


def _without_path_variables(graph: GraphDef) -> GraphDef:
    """TF2 keeps an asset's path in a string variable that its initialisation assigns and reads.

    A frozen graph has no variables: a read becomes the assigned value itself, and the
    initialisation no longer waits for the assignment.
    """
    copy = GraphDef()
    copy.CopyFrom(graph)
    paths = {
        node.name
        for node in copy.node
        if node.op == "VarHandleOp" and node.attr["dtype"].type == DT_STRING
    }
    assignments = {
        node.name: node
        for node in copy.node
        if node.op == "AssignVariableOp" and node.input[0] in paths
    }
    values = {node.input[0]: node.input[1] for node in assignments.values()}
    for node in copy.node:
        node.input[:] = [i for i in node.input if node_name(i) not in assignments]
        if node.op == "ReadVariableOp" and node.input[0] in values:
            node.op = "Identity"
            node.input[:] = [values[node.input[0]]]
            node.attr["T"].CopyFrom(node.attr["dtype"])
            del node.attr["dtype"]
    return copy
