"""numpy arrays in and out of TF_Tensors. Everything is copied: no memory is shared with the graph.

An output may be a constant of the model or an input itself, and a view of it outlives nothing.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.capi import strings
from frazil_runtime.capi.library import Library

Array = npt.NDArray[Any]


def new_tensor(library: Library, dtype: dtypes.DType, array: Array) -> tuple[int, object]:
    """A TF_Tensor with the array's elements, and what must live as long as it does.

    ``array`` has dtype's numpy type and a shape that ``validation.check_shape`` accepts: a rank
    over 254 or an overflowing product would abort the process. The caller deletes the tensor.
    MemoryError where TensorFlow's allocator has no room.
    """
    if dtype.is_string:
        cells, text = strings.encode(array.ravel().tolist())
        return _allocate(library, dtype, array.shape, cells), text
    return _allocate(library, dtype, array.shape, array), None


def read_tensor(library: Library, tensor: int) -> Array:
    """A read-only copy of a TF_Tensor; KeyError where its type is not one of ``dtypes``."""
    dtype = dtypes.BY_ENUM[library.TF_TensorType(tensor)]
    shape = tuple(library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor)))
    array = np.empty(shape, dtype.numpy)
    if array.size:
        memory = _memory(library, tensor)
        if dtype.is_string:
            array.ravel()[:] = strings.decode(memory.view(np.uint64).reshape(array.size, -1))
        else:
            np.copyto(array, memory.view(dtype.numpy).reshape(shape))
    array.flags.writeable = False
    return array


def _allocate(library: Library, dtype: dtypes.DType, shape: tuple[int, ...], content: Array) -> int:
    """A new tensor of ``shape`` with the bytes of ``content``, in C order.

    Nothing may fail between allocating and filling: deleting unwritten string cells is a crash.
    The length given is exact, since TensorFlow takes a longer one without a word.
    """
    dims = (ctypes.c_int64 * len(shape))(*shape)
    tensor: int | None = library.TF_AllocateTensor(dtype.enum, dims, len(shape), content.nbytes)
    if tensor is None:
        raise MemoryError(f"TensorFlow could not allocate {content.nbytes} bytes")
    if content.nbytes:
        memory = _memory(library, tensor)
        np.copyto(memory.view(content.dtype).reshape(content.shape), content)
    return tensor


def _memory(library: Library, tensor: int) -> npt.NDArray[np.uint8]:
    """The tensor's own bytes (at least one): neither copied nor kept."""
    size: int = library.TF_TensorByteSize(tensor)
    array = (ctypes.c_uint8 * size).from_address(library.TF_TensorData(tensor))
    return np.frombuffer(memoryview(array), np.uint8)
