"""An npz as labelled rows, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frazil_runtime.freeze import npz
from frazil_runtime.freeze.dataset import FIELD, LABELS, Rows, missing
from frazil_runtime.freeze.fitting import cast, require_shape, texts
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.manifest import Signature


def read(path: Path, signature: Signature, rows: int) -> Iterator[Rows]:
    """All rows in order, at most ``rows`` at a time. Raises EvaluationError."""
    with _readable(), npz.Npz.open(path) as file:
        _check(file, signature)
        names = [tensor.name for tensor in signature.inputs]
        streams = [file.stream(name, rows) for name in (*names, LABELS)]
        for *arrays, labels in zip(*streams, strict=True):
            inputs = {
                tensor.name: cast(FIELD, array, tensor)
                for tensor, array in zip(signature.inputs, arrays, strict=True)
            }
            yield Rows(inputs, texts(labels) if labels.dtype.kind in "SU" else labels)


def _check(file: npz.Npz, signature: Signature) -> None:
    """What the headers tell: an array for each input, of its shape, and as many labels as rows."""
    wanted = [*(tensor.name for tensor in signature.inputs), LABELS]
    if lacking := [name for name in wanted if name not in file.names]:
        raise missing(lacking, file.names, "arrays")
    shapes = {name: file.shape(name) for name in wanted}
    for tensor in signature.inputs:
        require_shape(FIELD, tensor, shapes[tensor.name])
    lengths = {name: shape[0] if shape else None for name, shape in shapes.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length or 0}" for name, length in lengths.items())
        raise EvaluationError(f"{FIELD}: its arrays have different numbers of rows: {said}")


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what a damaged or ill-fitting file raises into what the user is told."""
    try:
        yield
    except EvaluationError:
        raise
    except FreezeError as error:  # an array that does not fit
        raise EvaluationError(str(error)) from error
    except npz.ERRORS as error:
        raise EvaluationError(
            f"{FIELD} is not an npz that can be read ({error}): write it with "
            f"numpy.savez(path, <input>=array, …, {LABELS}=array)"
        ) from error
