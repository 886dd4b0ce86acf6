"""The tensor types Frazil serves, under each of the names they go by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import ml_dtypes
import numpy as np


@dataclass(frozen=True)
class DType:
    """One tensor type.

    ``name`` is TensorFlow's short name and the manifest's; ``enum`` the number of
    ``tensorflow.DataType`` (types.proto); ``oip`` the Open Inference Protocol's datatype, or ""
    where the protocol has none. Strings are numpy object arrays of ``bytes``.
    """

    name: str
    enum: int
    numpy: np.dtype[np.generic]
    oip: str

    @property
    def proto(self) -> str:
        """The name in TensorFlow's protos: ``float32`` is ``DT_FLOAT``."""
        return _PROTO_NAMES.get(self.name, f"DT_{self.name.upper()}")

    @cached_property
    def is_string(self) -> bool:
        """Whether the elements are byte strings of any length."""
        return self.name == "string"


_PROTO_NAMES: Final = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}

_TABLE: Final = (
    ("float32", 1, np.float32, "FP32"),
    ("float64", 2, np.float64, "FP64"),
    ("int32", 3, np.int32, "INT32"),
    ("uint8", 4, np.uint8, "UINT8"),
    ("int16", 5, np.int16, "INT16"),
    ("int8", 6, np.int8, "INT8"),
    ("string", 7, np.object_, "BYTES"),
    ("complex64", 8, np.complex64, ""),
    ("int64", 9, np.int64, "INT64"),
    ("bool", 10, np.bool_, "BOOL"),
    ("bfloat16", 14, ml_dtypes.bfloat16, "BF16"),
    ("uint16", 17, np.uint16, "UINT16"),
    ("complex128", 18, np.complex128, ""),
    ("float16", 19, np.float16, "FP16"),
    ("uint32", 22, np.uint32, "UINT32"),
    ("uint64", 23, np.uint64, "UINT64"),
)

DTYPES: Final = tuple(DType(name, enum, np.dtype(kind), oip) for name, enum, kind, oip in _TABLE)
BY_NAME: Final = {dtype.name: dtype for dtype in DTYPES}
BY_ENUM: Final = {dtype.enum: dtype for dtype in DTYPES}
BY_OIP: Final = {dtype.oip: dtype for dtype in DTYPES if dtype.oip}
BY_NUMPY: Final = {dtype.numpy: dtype for dtype in DTYPES}


def named(oip: str) -> str:
    """A datatype that a client has named, for error messages, which repeat no other text."""
    return oip if oip in BY_OIP else "one that is no datatype"
