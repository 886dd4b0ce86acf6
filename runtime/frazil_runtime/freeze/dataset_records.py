"""A TFRecord of tf.train.Examples as labelled rows, streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError

from frazil_runtime.dtypes import BY_NAME
from frazil_runtime.freeze.dataset import FIELD, LABELS, Rows, missing
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.manifest import Signature, Tensor

Array = npt.NDArray[Any]
Row = dict[str, Array]

_GZIP: Final = b"\x1f\x8b"


def read(path: Path, signature: Signature, rows: int) -> Iterator[Rows]:
    """All rows in order, at most ``rows`` at a time, of equal shapes.

    No more than twice as many are in memory. Raises EvaluationError with the record's number.
    """
    waiting: list[Row] = []
    for row in _rows(path, signature, rows):
        if waiting and (len(waiting) == rows or _shapes(row) != _shapes(waiting[0])):
            yield _stacked(waiting)
            waiting = []
        waiting.append(row)
    if waiting:
        yield _stacked(waiting)


def _rows(path: Path, signature: Signature, rows: int) -> Iterator[Row]:
    for number, text in enumerate(_texts(path, rows)):
        try:
            yield _row(tf.train.Example.FromString(text), signature)
        except DecodeError as error:
            raise EvaluationError(f"{FIELD}: record {number} is no tf.train.Example") from error
        except EvaluationError as error:
            raise EvaluationError(f"{error} (record {number})") from error


def _texts(path: Path, at_once: int) -> Iterator[bytes]:
    """The records, read some at once: one at a time TensorFlow takes far longer."""
    with path.open("rb") as file:
        compression = "GZIP" if file.read(2) == _GZIP else ""
    found = tf.data.TFRecordDataset(str(path), compression_type=compression)
    try:
        for texts in found.batch(at_once).as_numpy_iterator():
            yield from texts
    except tf.errors.DataLossError as error:
        raise EvaluationError(
            f"{FIELD} is neither an npz nor a TFRecord, which may be gzipped, or it is "
            f"damaged: {error.message.partition(chr(10))[0]}"
        ) from error


def _row(example: Any, signature: Signature) -> Row:
    features = example.features.feature
    wanted = [*(tensor.name for tensor in signature.inputs), LABELS]
    if lacking := [name for name in wanted if name not in features]:
        raise missing(lacking, set(features), "features")
    row = {tensor.name: _input(tensor, features[tensor.name]) for tensor in signature.inputs}
    return row | {LABELS: _values(features[LABELS])}


def _input(tensor: Tensor, feature: Any) -> Array:
    values = _values(feature)
    kind = BY_NAME[tensor.dtype].numpy
    # An Example has whole numbers as int64 alone: each must be one of the input's.
    whole = values.dtype == np.int64
    alike = (values.dtype == object) == (tensor.dtype == "string")
    castable = whole or np.can_cast(values.dtype, kind, "same_kind")
    fits = not values.size or (alike and castable)
    given = values.astype(kind) if fits else values
    if not fits or (whole and not np.array_equal(given.astype(np.int64), values)):
        raise EvaluationError(
            f"{FIELD}: the feature {tensor.name!r} is {_kind(feature)}, which the model's "
            f"input of {tensor.dtype} does not take as it is"
        )
    return given.reshape(_shape(tensor, given.size))


def _shape(tensor: Tensor, size: int) -> tuple[int, ...]:
    """The shape of one row of ``size`` values, of which one dimension may be free."""
    if tensor.shape is None:
        return (size,)
    shape = tensor.shape[1:]
    known, free = math.prod(d for d in shape if d != -1), shape.count(-1)
    if free > 1 or (size % known if free and known else size != known):
        raise EvaluationError(
            f"{FIELD}: the feature {tensor.name!r} has {size} values, a row of the model's "
            f"input has the shape {list(shape)} (-1 is any size, which one dimension may have here)"
        )
    return tuple(size // known if d == -1 and known else d for d in shape)


def _kind(feature: Any) -> str:
    return str(feature.WhichOneof("kind") or "empty")


def _values(feature: Any) -> Array:
    """Strings as objects, numbers as int64 or float32."""
    kind = feature.WhichOneof("kind")
    if kind == "bytes_list":
        texts = np.empty(len(feature.bytes_list.value), object)
        texts[:] = list(feature.bytes_list.value)
        return texts
    if kind == "int64_list":
        return np.array(feature.int64_list.value, np.int64)
    return np.array(feature.float_list.value, np.float32)


def _shapes(row: Row) -> list[tuple[int, ...]]:
    return [array.shape for array in row.values()]


def _stacked(rows: list[Row]) -> Rows:
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    labels = arrays.pop(LABELS)
    return Rows(arrays, labels)
