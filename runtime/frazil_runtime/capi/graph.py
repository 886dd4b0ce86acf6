"""An imported GraphDef, and where its tensors are."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from frazil_runtime import dtypes
from frazil_runtime.capi.library import Buffer, Library, Output, TensorFlowError
from frazil_runtime.errors import ArtifactError


class Graph:
    """A TF_Graph. It must outlive its sessions."""

    def __init__(self, library: Library, path: Path) -> None:
        """Import the GraphDef at ``path``. ArtifactError where it is none that can run here."""
        try:
            # Through the page cache: reading it would double the model in memory for a moment.
            content = np.memmap(path, np.uint8, mode="r")
        except (OSError, ValueError) as error:  # ValueError: the file is empty
            raise ArtifactError(f"{path.name} cannot be read: {error}") from error
        self._library = library
        self.pointer: int = library.TF_NewGraph()
        buffer = Buffer(content.ctypes.data, content.size, None)
        options = library.TF_NewImportGraphDefOptions()
        try:
            with library.status() as status:
                library.TF_GraphImportGraphDef(self.pointer, ctypes.byref(buffer), options, status)
        except TensorFlowError as error:
            self.close()
            raise ArtifactError(f"{path.name} cannot be imported: {error}") from error
        finally:
            library.TF_DeleteImportGraphDefOptions(options)

    def close(self) -> None:
        """Free the graph."""
        self._library.TF_DeleteGraph(self.pointer)

    def operation(self, name: str) -> int:
        """A ``TF_Operation*``; ArtifactError where there is none: a NULL crashes the run."""
        operation: int | None = self._library.TF_GraphOperationByName(self.pointer, name.encode())
        if operation is None:
            raise ArtifactError(f"the graph has no operation {name}")
        return operation

    def outputs(self, tensors: Iterable[tuple[str, str]]) -> Any:
        """``TF_Output[]`` of (tensor, dtype) pairs as ``("x:0", "float32")``, each checked."""
        found = [self._output(tensor, dtype) for tensor, dtype in tensors]
        return (Output * len(found))(*found)

    def _output(self, tensor: str, dtype: str) -> Output:
        name, _, index = tensor.partition(":")
        output = Output(self.operation(name), int(index or 0))
        count: int = self._library.TF_OperationNumOutputs(output.oper)
        if output.index >= count:
            raise ArtifactError(f"the graph has no tensor {tensor}: {name} has {count} outputs")
        enum: int = self._library.TF_OperationOutputType(output)
        actual = dtypes.BY_ENUM[enum].name if enum in dtypes.BY_ENUM else f"TF_DataType {enum}"
        if actual != dtype:
            raise ArtifactError(f"tensor {tensor} is {actual} in the graph, not {dtype}")
        return output
