"""Pure: which files a TF1 graph reads besides its checkpoint, as its ``.meta`` says.

Read by field number (meta_graph.proto, graph.proto, node_def.proto, attr_value.proto,
tensor.proto): what fetches needs no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from google.protobuf.message import DecodeError

from frazil_runtime.freeze import fields

_COLLECTION: Final = b"asset_filepaths"
_KEY, _VALUE = 1, 2  # of a map's entry
# MetaGraphDef.collection_def, CollectionDef.node_list and NodeList.value.
_COLLECTION_DEF, _NODE_LIST, _NODE_LIST_VALUE = 4, 1, 1
# MetaGraphDef.graph_def, GraphDef.node, NodeDef.name and .attr, AttrValue.tensor,
# TensorProto.string_val.
_GRAPH_DEF, _NODE, _NAME, _ATTR, _TENSOR, _STRING_VAL = 2, 1, 1, 5, 8, 8


def asset_names(meta: bytes) -> set[str]:
    """The names, without their folders, of the files that lookup tables are filled from.

    ``meta`` is a serialised MetaGraphDef; of a damaged one, which the loader refuses, there are
    none.
    """
    try:
        paths = list(_paths(meta))
    except DecodeError:
        return set()
    return {PurePosixPath(path.decode(errors="replace")).name for path in paths}


def _paths(meta: bytes) -> Iterator[bytes]:
    wanted = {
        tensor.removesuffix(b":0")
        for entry in fields.at(meta, _COLLECTION_DEF)
        if _COLLECTION in fields.at(entry, _KEY)
        for tensor in fields.at(entry, _VALUE, _NODE_LIST, _NODE_LIST_VALUE)
    }
    if wanted:
        for node in fields.at(meta, _GRAPH_DEF, _NODE):
            if wanted & set(fields.at(node, _NAME)):
                yield from fields.at(node, _ATTR, _VALUE, _TENSOR, _STRING_VAL)
