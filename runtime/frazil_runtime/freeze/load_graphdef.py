"""Frozen GraphDefs (``.pb``, ``.pbtxt``): every variable is a constant already."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import protobuf
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.names import candidates
from frazil_runtime.freeze.request import FreezeError, FreezeRequest


def load_graphdef(path: Path, request: FreezeRequest) -> MetaGraph:
    """The graph of the file; its signature is what the request names.

    Raises FreezeError: INVALID_CHECKPOINT for what is no GraphDef, TENSOR_NOT_FOUND where no
    outputs are given.
    """
    try:
        graph = protobuf.read(path, GraphDef)
    except DecodeError as error:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"{path.name} is not a GraphDef ({error}): upload it again, "
            "or, if it is part of a SavedModel, name the directory it is in",
        ) from error
    if not graph.node:
        raise FreezeError(Exit.INVALID_CHECKPOINT, f"{path.name} holds no graph")
    if not request.outputs:
        raise FreezeError(
            Exit.TENSOR_NOT_FOUND,
            "a frozen graph does not say which nodes are its outputs: name them in `outputs`. "
            f"Candidates: {candidates(graph)}",
        )
    return MetaGraph(graph=graph)
