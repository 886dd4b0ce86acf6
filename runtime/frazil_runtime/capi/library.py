"""Finds, opens and binds ``libtensorflow_cc``. The only module that knows the C prototypes."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

ENV_LIBRARY_DIR: Final = "FRAZIL_TENSORFLOW_LIB"
IMAGE_LIBRARY_DIR: Final = Path("/opt/frazil/lib")
FRAMEWORK: Final = "libtensorflow_framework.so.2"
MAIN: Final = "libtensorflow_cc.so.2"

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_JEMALLOC_PURGE: Final = b"arena.4096.purge"  # MALLCTL_ARENAS_ALL

Pointer = ctypes.c_void_p
_int, _size, _text = ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p


class LibraryError(Exception):
    """TensorFlow's shared libraries are missing or cannot be opened."""


class TensorFlowError(Exception):
    """A TF_Status that is not OK; ``code`` is TF_Code (tf_status.h), gRPC's numbers."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@functools.cache
def array_type(kind: Any, length: int) -> Any:
    """``kind * length``, made once: ctypes makes another type where none is in use, in 10 µs.

    For lengths that models have, as a rank or a number of inputs, and none that clients choose.
    """
    return kind * length


class Output(ctypes.Structure):
    """``TF_Output`` of c_api.h: one output of one operation."""

    _fields_ = (("oper", Pointer), ("index", _int))


class Buffer(ctypes.Structure):
    """``TF_Buffer`` of tf_buffer.h. No deallocator: the caller keeps the memory."""

    _fields_ = (("data", Pointer), ("length", _size), ("data_deallocator", Pointer))


class Library:
    """The functions of the C API that Frazil calls, under their own names.

    What returns at once is bound so that the interpreter's lock is kept: each release costs a wait
    of up to a switch interval while another thread computes, and a run makes a dozen calls. Only
    what works for long lets go of it, so a run does so once.
    """

    def __init__(self, handle: int) -> None:
        keep = functools.partial(_bind, ctypes.PyDLL(MAIN, handle=handle))
        release = functools.partial(_bind, ctypes.CDLL(MAIN, handle=handle))
        dims = ctypes.POINTER(ctypes.c_int64)
        outputs = ctypes.POINTER(Output)
        tensors = ctypes.POINTER(Pointer)

        self.TF_NewStatus = keep("TF_NewStatus", Pointer)
        self.TF_DeleteStatus = keep("TF_DeleteStatus", None, Pointer)
        self.TF_GetCode = keep("TF_GetCode", _int, Pointer)
        self.TF_Message = keep("TF_Message", _text, Pointer)

        self.TF_AllocateTensor = keep("TF_AllocateTensor", Pointer, _int, dims, _int, _size)
        self.TF_DeleteTensor = keep("TF_DeleteTensor", None, Pointer)
        self.TF_TensorType = keep("TF_TensorType", _int, Pointer)
        self.TF_NumDims = keep("TF_NumDims", _int, Pointer)
        self.TF_Dim = keep("TF_Dim", ctypes.c_int64, Pointer, _int)
        self.TF_TensorByteSize = keep("TF_TensorByteSize", _size, Pointer)
        self.TF_TensorData = keep("TF_TensorData", Pointer, Pointer)

        self.TF_NewGraph = keep("TF_NewGraph", Pointer)
        self.TF_DeleteGraph = release("TF_DeleteGraph", None, Pointer)
        self.TF_NewImportGraphDefOptions = keep("TF_NewImportGraphDefOptions", Pointer)
        self.TF_DeleteImportGraphDefOptions = keep("TF_DeleteImportGraphDefOptions", None, Pointer)
        self.TF_GraphImportGraphDef = release(
            *("TF_GraphImportGraphDef", None, Pointer),
            *(ctypes.POINTER(Buffer), Pointer, Pointer),
        )
        self.TF_GraphOperationByName = keep("TF_GraphOperationByName", Pointer, Pointer, _text)
        self.TF_OperationNumOutputs = keep("TF_OperationNumOutputs", _int, Pointer)
        self.TF_OperationOutputType = keep("TF_OperationOutputType", _int, Output)

        self.TF_NewSessionOptions = keep("TF_NewSessionOptions", Pointer)
        self.TF_DeleteSessionOptions = keep("TF_DeleteSessionOptions", None, Pointer)
        self.TF_SetConfig = keep("TF_SetConfig", None, Pointer, _text, _size, Pointer)
        self.TF_NewSession = release("TF_NewSession", Pointer, Pointer, Pointer, Pointer)
        self.TF_CloseSession = release("TF_CloseSession", None, Pointer, Pointer)
        self.TF_DeleteSession = release("TF_DeleteSession", None, Pointer, Pointer)
        self.TF_SessionRun = release(
            *("TF_SessionRun", None, Pointer, Pointer),
            *(outputs, tensors, _int),  # feeds
            *(outputs, tensors, _int),  # fetches
            *(tensors, _int),  # target operations
            *(Pointer, Pointer),
        )

    def status(self) -> Status:
        """A TF_Status for one call; TensorFlowError at the end of the block where it is not OK."""
        return Status(self)


class Status:
    """A TF_Status, from the beginning of a block to its end; a generator would take longer."""

    __slots__ = ("_library", "_status")

    _status: int

    def __init__(self, library: Library) -> None:
        self._library = library

    def __enter__(self) -> int:
        self._status = self._library.TF_NewStatus()
        return self._status

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        library, status = self._library, self._status
        try:
            if kind is None and (code := library.TF_GetCode(status)):
                raise TensorFlowError(code, library.TF_Message(status).decode(errors="replace"))
        finally:
            library.TF_DeleteStatus(status)


def library_dir(environ: Mapping[str, str], path: list[str]) -> Path:
    """Where the libraries lie: FRAZIL_TENSORFLOW_LIB, else the installed wheel, else the image.

    ``path`` is ``sys.path``; nothing is imported. LibraryError names every place looked at.
    """
    if chosen := environ.get(ENV_LIBRARY_DIR):
        places = [Path(chosen)]
    else:
        places = [*(Path(entry, "tensorflow") for entry in path if entry), IMAGE_LIBRARY_DIR]
    for place in places:
        if (place / MAIN).is_file() and (place / FRAMEWORK).is_file():
            return place
    raise LibraryError(
        f"TensorFlow's shared libraries ({MAIN}, {FRAMEWORK}) are in none of "
        f"{', '.join(map(str, places))}: install tensorflow-cpu, or set {ENV_LIBRARY_DIR}"
    )


@functools.cache
def load_library() -> Library:
    """Open and bind the libraries, once for the process. LibraryError where that cannot be."""
    place = library_dir(os.environ, sys.path)
    # Its informational lines would bury ours; errors still come.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _dlopen(place / FRAMEWORK)  # before the library that names it: then no search path is needed
    return Library(_dlopen(place / MAIN))


def _dlopen(path: Path) -> int:
    """The handle of ``path``, opened for the life of the process.

    LAZY: 60 ms sooner. LOCAL: TensorFlow's own BoringSSL would otherwise stand in for OpenSSL in a
    later ``import ssl``, which crashes. NODELETE: its threads outlive any dlclose. ``ctypes`` alone
    would always add RTLD_NOW, and hold the interpreter's lock for the quarter of a second it takes.
    """
    libc = ctypes.CDLL(None)
    dlopen = _bind(libc, "dlopen", Pointer, _text, _int)
    handle: int | None = dlopen(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL | os.RTLD_NODELETE)
    if handle is None:
        reason: bytes = _bind(libc, "dlerror", _text)() or b"unknown error"
        raise LibraryError(f"{path} cannot be opened: {reason.decode(errors='replace')}")
    return handle


def trim_memory() -> None:
    """Give freed memory back to the system, whichever malloc is there (glibc's: 11-15 ms).

    A graph is a hundred thousand small allocations; without this its import stays resident.
    """
    process = ctypes.CDLL(None)
    if hasattr(process, "mallctl"):
        process.mallctl(_JEMALLOC_PURGE, None, None, None, 0)
    else:
        process.malloc_trim(0)


def keep_memory() -> None:
    """Keep what runs free for the next ones, up to 64 MiB (glibc's mallopt; jemalloc does so).

    Else each run has the system clear the same pages again for its larger tensors.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, 32 * 1024 * 1024)  # the most that there may be
    libc.mallopt(_M_TRIM_THRESHOLD, 64 * 1024 * 1024)


def _bind(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = library[name]
    function.restype, function.argtypes = result, arguments
    return function
