"""What the subcommands about a model do, once their arguments are read; each returns an Exit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime.client import inputs, inspection
from frazil_runtime.client.remote import Server, ServerError
from frazil_runtime.contract import Exit
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError
from frazil_runtime.protocol import documents
from frazil_runtime.protocol.values import nested

Array = npt.NDArray[Any]

FAILED: Final = 1  # the server said no, or nothing; or the inputs cannot be sent
_SHOWN: Final = 20  # elements of an output, from which on its middle is left out


def inspect(arguments: argparse.Namespace) -> int:
    """`frazil inspect`."""
    try:
        inspected = inspection.inspect(arguments.artifact)
    except ArtifactError as error:
        sys.stderr.write(f"{error}\n")
        unavailable = isinstance(error, ArtifactUnavailableError)
        return Exit.RETRY if unavailable else Exit.INVALID_ARTIFACT
    if arguments.json:
        sys.stdout.write(inspection.as_json(inspected).decode())
    else:
        sys.stdout.write(inspection.as_text(inspected))
    return Exit.OK


def predict(arguments: argparse.Namespace) -> int:
    """`frazil predict`."""
    try:
        server = Server(arguments.url)
        model = server.model(arguments.model)
        signature = server.signature(model, arguments.signature)
        given = inputs.read(arguments.input, signature, sys.stdin.buffer.read)
        outputs = server.infer(model, given, arguments.signature)
    except (ServerError, inputs.InputError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    if arguments.output:
        return _saved(outputs, arguments.output)
    text = documents.write({n: nested(a) for n, a in outputs.items()}) if arguments.json else None
    sys.stdout.write(f"{text.decode()}\n" if text is not None else readable(outputs))
    return Exit.OK


def readable(outputs: Mapping[str, Array]) -> str:
    """Each output's name, dtype and shape, and its values; of many, the first and the last."""
    lines = []
    for name, array in outputs.items():
        dtype = "string" if array.dtype == object else array.dtype.name
        shown = array
        if array.dtype == object:
            shown = np.array([text.decode(errors="replace") for text in array.flat], object)
            shown = shown.reshape(array.shape)
        values = np.array2string(
            shown, threshold=_SHOWN, suppress_small=True, precision=4, prefix="  "
        )
        lines.append(f"{name}  {dtype} {list(array.shape)}\n  {values}\n")
    return "".join(lines)


def _saved(outputs: Mapping[str, Array], file: str) -> int:
    arrays = {name: _portable(array) for name, array in outputs.items()}
    try:
        with open(file, "wb") as target:
            np.savez(target, allow_pickle=False, **arrays)
    except OSError as error:
        sys.stderr.write(f"{file} cannot be written: {error}\n")
        return FAILED
    return Exit.OK


def _portable(array: Array) -> Array:
    """What npz keeps without pickle: texts of fixed length, and a bfloat16 as a float32."""
    if array.dtype == object:
        return array.astype(np.bytes_)
    return array.astype(np.float32) if array.dtype.kind == "V" else array
