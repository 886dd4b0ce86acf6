"""One graph and one session for the life of the process, through TensorFlow's C API."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.capi.config import CONFIG
from frazil_runtime.capi.graph import Graph
from frazil_runtime.capi.library import (
    Library,
    Output,
    Pointer,
    TensorFlowError,
    array_type,
    load_library,
    trim_memory,
)
from frazil_runtime.capi.tensors import new_tensor, read_tensor
from frazil_runtime.contract import GRAPH
from frazil_runtime.errors import ArtifactError
from frazil_runtime.manifest import Manifest, Signature

Array = npt.NDArray[Any]
CANCELLED: Final = 1  # TF_CANCELLED

_OF_THE_STATE: Final = (CANCELLED, 8, 9)  # and RESOURCE_EXHAUSTED, FAILED_PRECONDITION

_NODE: Final = re.compile(r"\{\{node ([^}]+)\}\}")
# What tf.io.parse_example says of an example that it can read: names and counts, nothing else.
_OF_A_FEATURE: Final = re.compile(r"Name: <unknown>, (Key|Feature): ")


@dataclass(frozen=True, slots=True)
class _Ports:
    """Where the values of a run go in and out: ``TF_Output[]``, in the manifest's order."""

    feeds: Any
    types: tuple[dtypes.DType, ...]  # of the feeds
    fetches: Any

    @classmethod
    def find(cls, graph: Graph, signature: Signature) -> _Ports:
        # Feeds first: they refuse the dtypes that are not in our table.
        return cls(
            feeds=graph.outputs((tensor.tensor, tensor.dtype) for tensor in signature.inputs),
            types=tuple(dtypes.BY_NAME[tensor.dtype] for tensor in signature.inputs),
            fetches=graph.outputs((tensor.tensor, tensor.dtype) for tensor in signature.outputs),
        )


class Session:
    """A frozen graph, ready to run. Every method may be called from any thread, at any time."""

    def __init__(self, directory: Path, manifest: Manifest, file: str = GRAPH) -> None:
        """Import the graph ``file`` of the artifact in ``directory`` and run its initialisation.

        ArtifactError where graph and manifest do not fit each other, or the graph cannot run here;
        LibraryError where TensorFlow's libraries are missing.
        """
        self._library = load_library()
        self._idle = threading.Condition()
        self._running = 0
        self._closed = False
        with ExitStack() as undo:
            graph = Graph(self._library, directory / file)
            undo.callback(graph.close)
            self._ports = {
                name: _Ports.find(graph, signature)
                for name, signature in manifest.signatures.items()
            }
            try:
                self._session = _new_session(self._library, graph)
                undo.callback(self._delete)
                self._initialize(graph, directory, manifest)
            except TensorFlowError as error:
                raise ArtifactError(f"the model cannot be initialised: {error}") from error
            self._undo = undo.pop_all()
        trim_memory()

    def run(self, signature: str, inputs: Sequence[Array]) -> list[Array]:
        """Run one signature of the manifest, letting go of the interpreter's lock once.

        ``inputs`` are in the manifest's order, of its dtypes, in shapes ``validation`` accepts; the
        outputs come in the manifest's order, as read-only copies. TensorFlowError is the model's
        own error, which quotes no strings of the inputs, or CANCELLED where the session was closed.
        """
        return self.run_together(signature, (inputs,))

    def run_together(self, signature: str, pieces: Sequence[Sequence[Array]]) -> list[Array]:
        """``run`` on the rows of several requests at once, put together in TensorFlow's memory.

        Each piece is one request's inputs, alike in everything but the first dimension's size.
        """
        with self._idle:
            if self._closed:
                raise TensorFlowError(CANCELLED, "the session is closed")
            self._running += 1
        ports = self._ports[signature]
        try:
            return self._run(ports, pieces)
        except TensorFlowError as error:
            raise _discreet(error, ports.types) from None
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """End the runs that are under way (they raise CANCELLED), then free the model."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
        with self._library.status() as status:
            self._library.TF_CloseSession(self._session, status)
        with self._idle:
            self._idle.wait_for(lambda: not self._running)
        self._undo.close()
        trim_memory()

    def _run(
        self, ports: _Ports, pieces: Sequence[Sequence[Array]], targets: Sequence[int] = ()
    ) -> list[Array]:
        library = self._library
        memory: list[object] = []  # what input strings point into, until the outputs are copied
        given = array_type(Pointer, len(ports.feeds))()
        taken = array_type(Pointer, len(ports.fetches))()
        try:
            for at, dtype in enumerate(ports.types):
                given[at], text = new_tensor(library, dtype, [piece[at] for piece in pieces])
                memory.append(text)
            with library.status() as status:
                library.TF_SessionRun(
                    *(self._session, None),
                    *(ports.feeds, given, len(given)),
                    *(ports.fetches, taken, len(taken)),
                    *(array_type(Pointer, len(targets))(*targets), len(targets)),
                    *(None, status),
                )
            return [read_tensor(library, tensor) for tensor in taken if tensor is not None]
        finally:
            for tensor in (*given, *taken):
                if tensor is not None:
                    library.TF_DeleteTensor(tensor)

    def _initialize(self, graph: Graph, directory: Path, manifest: Manifest) -> None:
        """Fill the lookup tables: each asset's tensor is fed the absolute path of its file."""
        feeds = graph.outputs((asset.tensor, "string") for asset in manifest.assets)
        string = dtypes.BY_NAME["string"]
        ports = _Ports(feeds, (string,) * len(feeds), fetches=(Output * 0)())
        for asset in manifest.assets:
            if asset.file not in manifest.files:
                raise ArtifactError(f"the asset {asset.file} is no file of the artifact")
        root = directory.resolve()
        paths = [
            np.array(str(root / asset.file).encode(), string.numpy) for asset in manifest.assets
        ]
        for name in manifest.initialization:
            self._run(ports, (paths,), [graph.operation(name)])

    def _delete(self) -> None:
        with self._library.status() as status:
            self._library.TF_DeleteSession(self._session, status)


def _new_session(library: Library, graph: Graph) -> int:
    options = library.TF_NewSessionOptions()
    try:
        with library.status() as status:
            library.TF_SetConfig(options, CONFIG, len(CONFIG), status)
        with library.status() as status:
            session: int = library.TF_NewSession(graph.pointer, options, status)
        return session
    finally:
        library.TF_DeleteSessionOptions(options)


def _discreet(error: TensorFlowError, types: Sequence[dtypes.DType]) -> TensorFlowError:
    """The error as clients and logs may have it: TensorFlow quotes strings that it cannot parse.

    What it says of numbers are indices and sizes.
    """
    text = str(error)
    harmless = error.code in _OF_THE_STATE or _OF_A_FEATURE.match(text)
    if harmless or not any(dtype.is_string for dtype in types):
        return error
    nodes = ", ".join(_NODE.findall(text)) or "unknown"
    return TensorFlowError(error.code, f"the model fails on the strings it was sent, at {nodes}")
