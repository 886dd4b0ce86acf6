"""Sparse inputs: a tf.SparseTensor travels as three named tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frazil_runtime.manifest import Signature, Tensor

INDICES, VALUES, DENSE_SHAPE = "indices", "values", "dense_shape"


def parts(alias: str) -> tuple[str, str, str]:
    """The names of a sparse tensor's indices, values and dense shape."""
    return f"{alias}/{INDICES}", f"{alias}/{VALUES}", f"{alias}/{DENSE_SHAPE}"


@dataclass(frozen=True, slots=True)
class Sparse:
    """One sparse input's three tensors: indices [n, rank], values [n], dense shape [rank]."""

    indices: Tensor
    values: Tensor
    dense_shape: Tensor
    rank: int

    @property
    def names(self) -> set[str]:
        """The three names."""
        return {self.indices.name, self.values.name, self.dense_shape.name}


def sparse_inputs(signature: Signature) -> Iterator[Sparse]:
    """The sparse inputs of known rank, found by names and shapes.

    TensorFlow 1 marks them in the signature (``parts`` names them then); TensorFlow 2 writes three
    dense tensors ``x``, ``x_1`` and ``x_2``.
    """
    tensors = {tensor.name: tensor for tensor in signature.inputs}
    for name, tensor in tensors.items():
        for others in (parts(name.removesuffix(f"/{INDICES}"))[1:], (f"{name}_1", f"{name}_2")):
            values, dense_shape = (tensors.get(other) for other in others)
            if values and dense_shape and _fit(tensor, values, dense_shape):
                rank = (dense_shape.shape or (0,))[0]
                yield Sparse(tensor, values, dense_shape, rank)


def _fit(indices: Tensor, values: Tensor, dense_shape: Tensor) -> bool:
    shape = dense_shape.shape
    return (
        indices.dtype == dense_shape.dtype == "int64"
        and shape is not None
        and len(shape) == 1
        and shape[0] > 0
        and indices.shape == (-1, shape[0])
        and values.shape == (-1,)
    )


def filled(dense_shape: list[int]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Indices int64 [n, rank] of one element per row, and the dense shape int64 [rank]."""
    rows = dense_shape[0]
    indices = np.zeros((rows, len(dense_shape)), np.int64)
    indices[:, 0] = np.arange(rows)
    return indices, np.array(dense_shape, np.int64)
