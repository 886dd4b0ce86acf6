"""numpy arrays in and out of TF_Tensors. Everything is copied: no memory is shared with the graph.

An output may be a constant of the model or an input itself, and a view of it outlives nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.capi import strings
from frazil_runtime.capi.library import Library, array_type

Array = npt.NDArray[Any]

_WRITABLE: Final = 0x200  # PyBUF_WRITE
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)


def new_tensor(
    library: Library, dtype: dtypes.DType, arrays: Sequence[Array]
) -> tuple[int, object]:
    """A TF_Tensor with the arrays' rows below each other, and what must live as long as it does.

    Each array has dtype's numpy type and a shape that ``validation.check_shape`` accepts: a rank
    over 254 or an overflowing product would abort the process. Of several, the shapes differ in
    the first dimension alone; a sole one may have any rank. The caller deletes the tensor.
    MemoryError where TensorFlow's allocator has no room.
    """
    shape = arrays[0].shape
    if len(arrays) > 1:
        shape = (sum(map(len, arrays)), *shape[1:])
    if dtype.is_string:
        texts = chain.from_iterable(array.ravel().tolist() for array in arrays)
        cells, text = strings.encode(list(texts))
        return _allocate(library, dtype, shape, (cells,)), text
    return _allocate(library, dtype, shape, arrays), None


def read_tensor(library: Library, tensor: int) -> Array:
    """A read-only copy of a TF_Tensor; KeyError where its type is not one of ``dtypes``."""
    dtype = dtypes.BY_ENUM[library.TF_TensorType(tensor)]
    shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
    if 0 in shape:
        array = np.empty(shape, dtype.numpy)
    elif dtype.is_string:
        array = np.empty(shape, dtype.numpy)
        cells = _memory(library, tensor, np.uint64)
        array.ravel()[:] = strings.decode(cells.reshape(array.size, -1))
    else:
        array = _memory(library, tensor, dtype.numpy).reshape(shape).copy()
    array.flags.writeable = False
    return array


def _allocate(
    library: Library, dtype: dtypes.DType, shape: tuple[int, ...], contents: Sequence[Array]
) -> int:
    """A new tensor of ``shape`` with the bytes of ``contents``, one after the other, in C order.

    Nothing may fail between allocating and filling: deleting unwritten string cells is a crash.
    The length given is exact, since TensorFlow takes a longer one without a word.
    """
    dims = array_type(ctypes.c_int64, len(shape))(*shape)
    size = sum([content.nbytes for content in contents])
    tensor: int | None = library.TF_AllocateTensor(dtype.enum, dims, len(shape), size)
    if tensor is None:
        raise MemoryError(f"TensorFlow could not allocate {size} bytes")
    if size:
        first = contents[0]
        memory = _memory(library, tensor, first.dtype)
        if len(contents) == 1:
            memory.reshape(first.shape)[...] = first
        else:
            np.concatenate(contents, out=memory.reshape(shape))
    return tensor


def _memory(library: Library, tensor: int, dtype: npt.DTypeLike) -> Array:
    """The tensor's own bytes (at least one), as so many of ``dtype``: neither copied nor kept."""
    size: int = library.TF_TensorByteSize(tensor)
    # A ctypes array would make a new type for each size, and garbage of it.
    return np.frombuffer(_view(library.TF_TensorData(tensor), size, _WRITABLE), dtype)
