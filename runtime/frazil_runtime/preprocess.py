"""Images in, rows of a model's input out, by the graph that the freezer wrote beside the model."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes
from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.errors import ArtifactError, Code, InferenceError, invalid
from frazil_runtime.image_header import MAX_PIXELS, Header, ImageError, read_header
from frazil_runtime.manifest import Image, Manifest, Signature, Tensor
from frazil_runtime.session import Session

Array = npt.NDArray[Any]

# TF_Code: what TensorFlow says of an image that it cannot decode, and of one it has no room for.
_INVALID_ARGUMENT, _RESOURCE_EXHAUSTED, _CANCELLED = 3, 8, 1
_OTHER_CODES: Final = {
    _RESOURCE_EXHAUSTED: Code.RESOURCE_EXHAUSTED,
    _CANCELLED: Code.UNAVAILABLE,
}


class Preprocessor:
    """The image inputs of one model, for its whole life. Every method may be called on any thread.

    ``images`` has them by name.
    """

    def __init__(self, directory: Path, manifest: Manifest, max_pixels: int = MAX_PIXELS) -> None:
        """Import the graph of the artifact in ``directory`` and run it once for each input.

        An image of more than ``max_pixels`` is refused undecoded. ArtifactError where the graph
        does not fit ``manifest`` or cannot run here.
        """
        self.images = manifest.images
        self._max_pixels = max_pixels
        self._sessions = _sessions(directory, manifest)
        try:
            for name in self.images:
                self.prepare(name, [_PIXEL])
        except (InferenceError, ValueError) as error:  # ValueError: rows of another shape
            self.close()
            raise ArtifactError(f"the preprocessing of images fails: {error}") from error

    def prepare(self, name: str, images: Sequence[bytes]) -> Array:
        """Of JPEGs and PNGs: [len(images), height, width, channels], of the input's dtype.

        InferenceError names the input and the row.
        """
        image = self.images[name]
        rows = np.empty((len(images), *image.shape), dtypes.BY_NAME[image.dtype].numpy)
        for row, each in enumerate(images):
            rows[row] = self.prepare_row(name, each, row)
        return rows

    def prepare_row(self, name: str, image: bytes, row: int) -> Array:
        """Of one JPEG or PNG, the request's ``row``: [height, width, channels], read-only.

        Takes milliseconds, in which the interpreter's lock is not held. InferenceError.
        """
        header = self._header(name, row, image)
        try:
            (prepared,) = self._sessions[self.images[name].file].run(name, [_scalar(image)])
        except TensorFlowError as error:
            raise _explained(name, row, header, error) from error
        return prepared

    def close(self) -> None:
        """Free the graph; what is being prepared ends with an InferenceError."""
        for session in self._sessions.values():
            session.close()

    def _header(self, name: str, row: int, image: bytes) -> Header:
        try:
            return read_header(image, self._max_pixels)
        except ImageError as error:
            raise invalid(f'input "{name}", row {row} is {error}') from error


def row_bytes(image: Image) -> int:
    """How many bytes one prepared row takes."""
    return math.prod(image.shape) * dtypes.BY_NAME[image.dtype].numpy.itemsize


def _sessions(directory: Path, manifest: Manifest) -> dict[str, Session]:
    """One for each graph; each input is a signature of its graph."""
    graphs: dict[str, dict[str, Signature]] = {}
    for name, image in manifest.images.items():
        if image.file not in manifest.files:
            raise ArtifactError(f"the graph {image.file} is no file of the artifact")
        graphs.setdefault(image.file, {})[name] = _signature(image)
    return {
        file: Session(directory, Manifest(signatures, next(iter(signatures)), manifest.files), file)
        for file, signatures in graphs.items()
    }


def _signature(image: Image) -> Signature:
    return Signature(
        inputs=(Tensor("image", image.feed, "string", ()),),
        outputs=(Tensor("row", image.fetch, image.dtype, image.shape),),
    )


def _scalar(image: bytes) -> Array:
    array = np.empty((), object)
    array[()] = image
    return array


def _explained(name: str, row: int, header: Header, error: TensorFlowError) -> InferenceError:
    where = f'input "{name}", row {row}'
    if error.code == _INVALID_ARGUMENT:
        return invalid(
            f"{where} is a {header.kind} that cannot be decoded: it is damaged, cut off or of a "
            "rare kind; save it again"
        )
    code = _OTHER_CODES.get(error.code, Code.INTERNAL)
    return InferenceError(code, f"{where} could not be prepared: {error}")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


# A PNG of one grey pixel.
_PIXEL: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
