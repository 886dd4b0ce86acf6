"""Artifacts of any bytes: whole for everyone who does not run them, and made without TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from frazil_runtime import contract
from frazil_runtime.contract.evaluation import Evaluated, Evaluation
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeRequest
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.manifest import File, Manifest, Signature, Tensor

SIGNATURE = Signature(
    (Tensor("x", "x:0", "float32", (-1, 4)),), (Tensor("y", "y:0", "float32", None),)
)
FILES = {contract.GRAPH: b"graph" * 1000, contract.WARMUP: b"npz", "assets/words.txt": b"a\nb\n"}


def manifest_of(files: Mapping[str, bytes]) -> Manifest:
    described = {n: File(hashlib.sha256(data).hexdigest(), len(data)) for n, data in files.items()}
    return Manifest({"serving_default": SIGNATURE}, "serving_default", described)


def write(directory: Path, files: Mapping[str, bytes] = FILES) -> Manifest:
    """An artifact of ``files`` in ``directory``."""
    manifest = manifest_of(files)
    for name, data in (files | {contract.MANIFEST: manifest.to_json()}).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    return manifest


class Conversion:
    """A converter whose graph is the checkpoint's bytes; it counts how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(
        self,
        source: Path,
        request: FreezeRequest,
        destination: Path,
        progress: Progress,
        samples: Path | None,
    ) -> Manifest:
        self.runs += 1
        parts = [source] if source.is_file() else sorted(source.parent.glob(f"{source.name}*"))
        graph = b"".join(p.read_bytes() for p in parts if p.is_file())
        return write(destination, FILES | {contract.GRAPH: graph})


class Scoring:
    """An evaluator that takes each byte of the dataset for a sample, and half of them for right; it
    counts how often it ran, and looks that the artifact is there."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(
        self, artifact: Path, rows: Path, wanted: Evaluation, progress: Progress
    ) -> Evaluated:
        self.runs += 1
        assert Manifest.from_json((artifact / contract.MANIFEST).read_bytes())
        samples = len(rows.read_bytes())
        if not samples:
            raise EvaluationError("spec.evaluation.dataset has no rows")
        return Evaluated(wanted.key, 0.5, samples, {"right": samples / 2, "scored": samples})
