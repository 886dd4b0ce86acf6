"""The model as its file has it, running: what the frozen graph is measured by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.importer import import_graph
from frazil_runtime.freeze.metagraph import MetaGraph
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Runner, reason
from frazil_runtime.freeze.signatures import absent
from frazil_runtime.manifest import Signature, Tensor

# Of the nodes that freezing adds: no model has a scope of this name.
PREFIX = "frazil"
_WORDS = 8  # of each table

_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")


class Original(Runner):
    """A session over a MetaGraph; nothing of it can be run before ``restore``.

    ``outputs`` maps each output tensor to an identity behind it: a tensor that is fed cannot be
    fetched, and Grappler leaves a call alone that is fetched itself. Raises FreezeError
    (INVALID_CHECKPOINT) where a signature names an output that its node does not have.
    """

    def __init__(self, meta: MetaGraph) -> None:
        graph = tf.Graph()
        with graph.as_default():
            inputs = _import(meta)
            self.outputs = _identities(graph, meta, inputs)
            _add_reads(graph)
            self._exports = _exports(graph)
        super().__init__(graph)
        self.meta = meta
        self.signatures = {
            name: Signature(
                inputs=tuple(_renamed(t, inputs) for t in signature.inputs),
                outputs=tuple(_renamed(t, self.outputs) for t in signature.outputs),
                method=signature.method,
            )
            for name, signature in meta.signatures.items()
        }

    def table(self, node: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Keys and values that a lookup table holds."""
        keys, values = self.fetch(self._exports[node], {}, f"reading the table {node}")
        return keys, values

    def vocabulary(self) -> list[bytes]:
        """Some texts that its tables know: samples without one would all be out of vocabulary."""
        found: set[bytes] = set()
        for node, (keys, _) in sorted(self._exports.items()):
            if keys.dtype == tf.string:
                try:
                    found.update(sorted(self.table(node)[0].ravel())[:_WORDS])
                except tf.errors.FailedPreconditionError:
                    continue  # not filled: nothing that is served looks at it
        return sorted(found)

    def restore(self) -> None:
        """Read the variables and fill the tables.

        Raises FreezeError: INVALID_CHECKPOINT where the variables' files are damaged or are not
        this graph's.
        """
        restore = self.meta.restore
        try:
            if restore:
                operation = self.graph.get_operation_by_name(restore.operation)
                prefix = {restore.filename: str(restore.prefix)}
                self.fetch(operation, prefix, "restoring the variables")
        except tf.errors.OpError as error:
            raise FreezeError(
                Exit.INVALID_CHECKPOINT,
                f"the variables cannot be restored: {reason(error)}. The checkpoint's files are "
                "damaged, incomplete, or of another graph: upload all of them again",
            ) from error
        try:
            self.initialize(self.meta.initialization, self.meta.assets)
        except tf.errors.OpError as error:
            raise FreezeError(
                Exit.INVALID_CHECKPOINT,
                f"the model's own initialisation fails: {reason(error)}. If it reads a file, "
                "put that beside the TF1 checkpoint under its own name, or export a SavedModel, "
                "which takes the file along as an asset",
            ) from error


def _import(meta: MetaGraph) -> dict[str, str]:
    """Import the graph; a signature's input that is no placeholder becomes one."""
    operations = {node.name: node.op for node in meta.graph.node}
    replaced: dict[str, Any] = {}
    for signature in meta.signatures.values():
        for tensor in signature.inputs:
            node, _, _ = tensor.tensor.partition(":")
            if operations.get(node) not in _PLACEHOLDERS and tensor.tensor not in replaced:
                replaced[tensor.tensor] = tf.compat.v1.placeholder(
                    tensor.dtype, _shape(tensor), name=f"{PREFIX}/input_{len(replaced)}"
                )
    import_graph(meta.graph, replaced)
    return {name: placeholder.name for name, placeholder in replaced.items()}


def _shape(tensor: Tensor) -> list[int | None] | None:
    return None if tensor.shape is None else [None if d < 0 else d for d in tensor.shape]


def _identities(graph: tf.Graph, meta: MetaGraph, inputs: dict[str, str]) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for name in sorted(meta.signatures):
        for tensor in meta.signatures[name].outputs:
            if tensor.tensor not in outputs:
                try:
                    value = graph.get_tensor_by_name(inputs.get(tensor.tensor, tensor.tensor))
                except KeyError as error:
                    raise absent(name, tensor) from error
                outputs[tensor.tensor] = tf.identity(
                    value, name=f"{PREFIX}/output_{len(outputs)}"
                ).name
    return outputs


def _add_reads(graph: tf.Graph) -> None:
    """TensorFlow's converter reads a resource variable at ``<name>/Read/ReadVariableOp``."""
    existing = {operation.name for operation in graph.get_operations()}
    for operation in graph.get_operations():
        name = f"{operation.name}/Read/ReadVariableOp"
        if operation.type == "VarHandleOp" and name not in existing:
            dtype = operation.get_attr("dtype")
            tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=dtype, name=name)


def _exports(graph: tf.Graph) -> dict[str, tuple[Any, Any]]:
    return {
        operation.name: tuple(
            tf.raw_ops.LookupTableExportV2(
                table_handle=operation.outputs[0],
                Tkeys=operation.get_attr("key_dtype"),
                Tvalues=operation.get_attr("value_dtype"),
            )
        )
        for operation in graph.get_operations()
        if operation.type.endswith(("TableV2", "TableOfTensorsV2"))
        and "key_dtype" in operation.node_def.attr
    }


def _renamed(tensor: Tensor, names: dict[str, str]) -> Tensor:
    return replace(tensor, tensor=names.get(tensor.tensor, tensor.tensor))
