"""Lookup tables: what fills them in the original, and what will in the frozen graph.

A static table is filled by its own initialiser, which is kept. A mutable one, as Keras 2 used for
vocabularies, is filled from the checkpoint: what it holds becomes constants and an import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.graphdef import ancestors, node_name
from frazil_runtime.freeze.original import PREFIX, Original
from frazil_runtime.freeze.request import FreezeError

_MUTABLE: Final = (
    "MutableHashTableV2",
    "MutableHashTableOfTensorsV2",
    "MutableDenseHashTableV2",
)
_INITIALIZERS: Final = (
    "InitializeTable",
    "InitializeTableV2",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "LookupTableImport",
    "LookupTableImportV2",
)


def with_initializers(
    graph: GraphDef, original: Original, fetched: Sequence[str], operations: Sequence[str]
) -> tuple[GraphDef, tuple[str, ...]]:
    """The graph with what fills the tables that ``fetched`` need, and its operations.

    Below ``operations`` (the model's own initialisation) only the tables' initialisers are taken:
    the whole would also wait for what a frozen graph lacks, local variables' first values and
    tables of the training half. They are named by number, in the order of their tables:
    TensorFlow's own names hold a counter of the process that traced the model.
    """
    serving, below = ancestors(graph, fetched), ancestors(graph, operations)
    mutable = [n.name for n in graph.node if n.op in _MUTABLE and n.name in serving]
    own = {
        node.name: sorted(ancestors(graph, [node.input[0]]) & serving)
        for node in graph.node
        if node.op in _INITIALIZERS and node.name in below
    }
    ordered = sorted(
        (name for name, tables in own.items() if tables and not set(tables) & set(mutable)),
        key=lambda name: own[name],
    )
    _refuse_other_files(graph, ordered, original.meta.assets)
    new = {name: f"{PREFIX}/initialize_{number}" for number, name in enumerate(ordered)}
    _rename(graph, new)
    imports = [f"{PREFIX}/import_{number}" for number in range(len(mutable))]
    for name, table in zip(imports, sorted(mutable), strict=True):
        _add_import(graph, name, table, original.table(table))
    return graph, (*new.values(), *imports)


def _refuse_other_files(
    graph: GraphDef, initializers: Sequence[str], assets: Mapping[str, Path]
) -> None:
    """A file that is no asset does not come with the artifact."""
    carried = {node_name(tensor) for tensor in assets}
    for node in graph.node:
        if node.name not in initializers or "TextFile" not in node.op:
            continue
        if not ancestors(graph, [node.input[1]]) & carried:
            raise FreezeError(
                Exit.UNSUPPORTED_MODEL,
                f"the table {node_name(node.input[0])} is filled from a file that the model "
                "does not carry: put it beside the TF1 checkpoint under its own name, or export a "
                "SavedModel, which takes the file along as an asset",
            )


def _rename(graph: GraphDef, new: Mapping[str, str]) -> None:
    for node in graph.node:
        node.name = new.get(node.name, node.name)
        node.input[:] = [f"^{new[node_name(i)]}" if node_name(i) in new else i for i in node.input]


def _add_import(graph: GraphDef, name: str, table: str, content: tuple[Any, Any]) -> None:
    keys, values = content
    # The table's own order is that of its hash map.
    order = np.argsort(keys, kind="stable") if keys.ndim == 1 else np.arange(len(keys))
    made: NodeDef = graph.node.add(name=name, op="LookupTableImportV2")
    made.input.append(table)
    for part, attribute, array in (("keys", "Tin", keys[order]), ("values", "Tout", values[order])):
        constant = graph.node.add(name=f"{name}/{part}", op="Const")
        proto = tf.make_tensor_proto(array)
        constant.attr["dtype"].type = made.attr[attribute].type = proto.dtype
        constant.attr["value"].tensor.CopyFrom(proto)
        made.input.append(constant.name)
