"""Puts an artifact where it is found: every file first, the manifest last.

Readers look at the manifest alone, so writing it is the publication, and a publication that was
killed at any point is simply repeated.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from obstore.exceptions import AlreadyExistsError

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit
from frazil_runtime.contract.evaluation import in_artifact
from frazil_runtime.freeze.outcome import UnavailableError, store_failures
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Manifest, ManifestError, artifact_digest
from frazil_runtime.transfer import describe, is_plain, size

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PROVENANCE: Final = "provenance.json"
# 32 MB of a file are in memory while it is uploaded.
_PART_BYTES, _PARTS_AT_ONCE = 8 << 20, 4


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact on disk, every digest of which was checked. ``text`` is its manifest's."""

    directory: Path
    text: bytes
    manifest: Manifest

    @property
    def name(self) -> str:
        """``sha256-<hex>``."""
        return artifact_digest(self.text)

    @property
    def bytes(self) -> int:
        """The size of all files, the manifest included."""
        return len(self.text) + sum(file.bytes for file in self.manifest.files.values())


def check(directory: Path) -> Artifact:
    """Read every file of an artifact that convert() wrote. Raises UnavailableError.

    What TensorFlow was made to write by an untrusted model is not trusted either: a link would
    publish a file of this container.
    """
    root = directory.resolve()
    try:
        text = (root / contract.MANIFEST).read_bytes()
        manifest = Manifest.from_json(text)
        for name, expected in manifest.files.items():
            if not is_plain(name) or (root / name).resolve() != root / name:
                raise UnavailableError(f"{name!r} is no plain file of the artifact")
            if (got := describe(root / name)) != expected:
                raise UnavailableError(
                    f"{name} is not what was converted: sha256 {got.sha256}, "
                    f"but the manifest says {expected.sha256}"
                )
    except (OSError, ManifestError) as error:
        raise UnavailableError(f"what was converted cannot be read: {error}") from error
    return Artifact(root, text, manifest)


def to_store(
    artifact: Artifact, provenance: Mapping[str, Any], store: ObjectStore, progress: Progress
) -> None:
    """Upload ``artifact``, unless the store holds it whole. Raises UnavailableError."""
    folder = contract.artifact_path(artifact.name)
    with store_failures():
        if published(store, artifact.name):
            progress(f"{artifact.name} is in the store already")
            return
        progress(f"uploading {artifact.name}: {size(artifact.bytes)}")
        for name in artifact.manifest.files:
            store.put(
                f"{folder}/{name}",
                artifact.directory / name,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        store.put(f"{folder}/{PROVENANCE}", _json(provenance))
        _put_manifest(store, f"{folder}/{contract.MANIFEST}", artifact.text)


def to_directory(artifact: Artifact, provenance: Mapping[str, Any], destination: Path) -> None:
    """Make ``destination`` hold the artifact's files and provenance.json, the manifest last.

    An artifact that is there is replaced; FreezeError where there is anything else.
    """
    for name in old_files(destination):
        (destination / name).unlink(missing_ok=True)
    for name in artifact.manifest.files:
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact.directory / name, target)
    (destination / PROVENANCE).write_bytes(_json(provenance))
    (destination / contract.MANIFEST).write_bytes(artifact.text)


def old_files(destination: Path) -> list[str]:
    """What of a directory must go before an artifact can be written there, the manifest first.

    FreezeError unless it is absent, empty or an artifact.
    """
    if not destination.exists() or (destination.is_dir() and not any(destination.iterdir())):
        return []
    try:
        manifest = Manifest.from_json((destination / contract.MANIFEST).read_bytes())
    except (OSError, ManifestError) as error:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{destination} exists and is no artifact: name another --output, or move it away",
        ) from error
    measured = (str(path.relative_to(destination)) for path in destination.glob(in_artifact("*")))
    return [contract.MANIFEST, PROVENANCE, *measured, *filter(is_plain, manifest.files)]


def provenance_of(directory: Path) -> Mapping[str, Any]:
    """What to_directory() noted; empty where there is nothing that can be read."""
    try:
        record = orjson.loads((directory / PROVENANCE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return record if isinstance(record, dict) else {}


def _put_manifest(store: ObjectStore, key: str, text: bytes) -> None:
    try:
        store.put(key, text, mode="create")
    except AlreadyExistsError:
        # Another freeze of the same was faster; or what is there is damaged, since its name is its
        # digest. The same bytes are right in both cases.
        store.put(key, text)


def _json(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
