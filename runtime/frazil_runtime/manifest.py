"""The artifact's manifest: what the freezer proved of a model, and all the runtime knows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

FORMAT: Final = 1


class ManifestError(ValueError):
    """The manifest cannot be read by this version."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a signature.

    ``name`` is what clients say, ``tensor`` the graph's own (``x:0``), ``dtype`` a name of
    ``dtypes.BY_NAME``. ``shape`` is None where even the rank is free, and holds -1 for a free
    dimension; ``minimum`` is the smallest size of each dimension that the graph accepts.
    """

    name: str
    tensor: str
    dtype: str
    shape: tuple[int, ...] | None
    minimum: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """One way to call the model: a fixed feed order and a fixed fetch list.

    ``batchable``: rows run together gave what rows run alone gave. ``deterministic``: two runs
    gave the same. Both were found by running, never by reading the graph.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    method: str = "tensorflow/serving/predict"
    batchable: bool = False
    deterministic: bool = False

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """In feed order."""
        return tuple(tensor.name for tensor in self.inputs)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """In fetch order."""
        return tuple(tensor.name for tensor in self.outputs)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the initialisation reads: ``tensor`` is fed its absolute path."""

    tensor: str
    file: str  # relative to the artifact, as ``assets/vocabulary.txt``


@dataclass(frozen=True, slots=True)
class File:
    """Digest (hex SHA-256) and size of one file of the artifact."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Image:
    """How an input is made of a JPEG or PNG: by a graph of its own, the artifact's ``file``.

    Its tensor ``feed`` takes the bytes of one image (a string of rank 0); ``fetch`` is one row of
    the input: ``shape`` is [height, width, channels], ``dtype`` the input's own.
    """

    file: str
    feed: str
    fetch: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of ``manifest.json``. ``initialization`` names the operations run once before serving.

    ``images`` has by name the inputs that may be given as images, in every signature.
    """

    signatures: Mapping[str, Signature]
    default_signature: str
    files: Mapping[str, File]
    loops: bool = False  # control flow whose length depends on data: a run's cost is unknown
    initialization: tuple[str, ...] = ()
    assets: tuple[Asset, ...] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    format: int = field(default=FORMAT)

    def to_json(self) -> bytes:
        """Canonical bytes (sorted keys, two spaces): equal manifests are equal files."""
        record = asdict(self)
        if not self.images:
            del record["images"]  # what is younger than an artifact is no part of its digest
        return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)

    @property
    def digest(self) -> str:
        """The artifact's name, ``sha256-<hex>``: it covers every file, since all are named here."""
        return artifact_digest(self.to_json())

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Parse ``manifest.json``; ManifestError where it is damaged or of another format."""
        try:
            record = orjson.loads(text)
            if record["format"] != FORMAT:
                raise ManifestError(
                    f"the artifact has format {record['format']}, this runtime reads {FORMAT}: "
                    "freeze the checkpoint again, or use the runtime of that format"
                )
            return cls(
                signatures={k: _signature(v) for k, v in record["signatures"].items()},
                default_signature=record["default_signature"],
                files={k: File(**v) for k, v in record["files"].items()},
                loops=record["loops"],
                initialization=tuple(record["initialization"]),
                assets=tuple(Asset(**a) for a in record["assets"]),
                images={k: _image(v) for k, v in record.get("images", {}).items()},
            )
        except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError) as error:
            raise ManifestError(f"manifest.json is damaged: {error}") from error


def artifact_digest(manifest: bytes) -> str:
    """The artifact's name for the bytes of its manifest."""
    return f"sha256-{hashlib.sha256(manifest).hexdigest()}"


def _signature(record: Mapping[str, Any]) -> Signature:
    return Signature(
        inputs=tuple(_tensor(t) for t in record["inputs"]),
        outputs=tuple(_tensor(t) for t in record["outputs"]),
        method=record["method"],
        batchable=record["batchable"],
        deterministic=record["deterministic"],
    )


def _image(record: Mapping[str, Any]) -> Image:
    return Image(**{**record, "shape": tuple(record["shape"])})


def _tensor(record: Mapping[str, Any]) -> Tensor:
    shape, minimum = record["shape"], record["minimum"]
    return Tensor(
        name=record["name"],
        tensor=record["tensor"],
        dtype=record["dtype"],
        shape=None if shape is None else tuple(shape),
        minimum=None if minimum is None else tuple(minimum),
    )
