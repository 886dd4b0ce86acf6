"""Artifacts on their way from a store to the local disk: streamed, checked, renamed into place.

What a store holds is in contract and manifest.py: ``artifacts/sha256-<hex>/`` with a manifest
that names every file, and is itself what the name is the digest of.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frazil_runtime import contract
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError
from frazil_runtime.logs import log
from frazil_runtime.manifest import Manifest, ManifestError, artifact_digest
from frazil_runtime.objects import open_frazil_store, open_source
from frazil_runtime.transfer import (
    STORE_ERRORS,
    Failure,
    describe,
    download,
    explain,
    failure,
    is_plain,
    size,
)

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Progress = Callable[[str], None]

_NAME: Final = re.compile(r"sha256-[0-9a-f]{64}")


def is_artifact_name(text: str) -> bool:
    """Whether ``text`` is ``sha256-`` and 64 hexadecimal digits."""
    return _NAME.fullmatch(text) is not None


def open_artifact(artifact: str, environ: Mapping[str, str], cache_dir: Path) -> Path:
    """The directory of an artifact that has been checked.

    ``artifact`` is a directory, the URI of an artifact (read with the provider's own variables), or
    ``sha256-<hex>`` in the store of FRAZIL_STORE_*. Raises ArtifactError.
    """
    directory = Path(artifact.removeprefix("file://"))
    if directory.is_dir():
        return _checked(directory)
    with _failures(artifact):
        if is_artifact_name(artifact):
            return fetch(_own_store(environ), artifact, cache_dir, log.info)
        if "://" in artifact and not artifact.startswith("file://"):
            return _open_uri(artifact.rstrip("/"), environ, cache_dir)
    raise ArtifactError(f"{artifact}: there is no such directory; name one, a URI or sha256-<hex>")


def fetch(store: ObjectStore, artifact: str, cache_dir: Path, progress: Progress) -> Path:
    """The artifact below ``cache_dir``, fetched unless it is there whole.

    Peak memory is a few chunks whatever the size. Nothing is ever seen at the path that comes back
    but a whole artifact whose digests all hold. Raises ArtifactError.
    """
    return _fetch(store, contract.artifact_path(artifact), artifact, cache_dir, progress)


def published(store: ObjectStore, artifact: str) -> Manifest | None:
    """The artifact's manifest if the store holds it whole: its digest and all sizes are right.

    Raises obstore's errors where the store cannot be asked.
    """
    folder = contract.artifact_path(artifact)
    try:
        text = bytes(store.get(f"{folder}/{contract.MANIFEST}").bytes())
    except FileNotFoundError:
        return None
    sizes = {entry["path"]: entry["size"] for page in store.list(folder) for entry in page}
    try:
        manifest = _manifest(text, artifact)
    except ArtifactError:
        return None
    whole = all(sizes.get(f"{folder}/{n}") == file.bytes for n, file in manifest.files.items())
    return manifest if whole else None


def _open_uri(uri: str, environ: Mapping[str, str], cache_dir: Path) -> Path:
    store = open_source(uri, environ)
    name = uri.rpartition("/")[2]
    if not is_artifact_name(name):
        name = artifact_digest(bytes(store.get(contract.MANIFEST).bytes()))
    return _fetch(store, "", name, cache_dir, log.info)


def _own_store(environ: Mapping[str, str]) -> ObjectStore:
    if not environ.get(contract.ENV_STORE_URL):
        raise ArtifactError(f"{contract.ENV_STORE_URL} is not set: it says which store to look in")
    return open_frazil_store(environ)


def _fetch(
    store: ObjectStore, folder: str, artifact: str, cache_dir: Path, progress: Progress
) -> Path:
    target = cache_dir / artifact
    with _failures(artifact), _alone(cache_dir, artifact):
        if _is_whole(target, artifact):
            return target
        partial = cache_dir / f"{artifact}.tmp"
        for leftover in (partial, target):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            _stream(store, folder, artifact, partial, progress)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return target


def _stream(
    store: ObjectStore, folder: str, artifact: str, target: Path, progress: Progress
) -> None:
    prefix = f"{folder}/" if folder else ""
    text = bytes(store.get(f"{prefix}{contract.MANIFEST}").bytes())
    manifest = _manifest(text, artifact)
    whole = sum(file.bytes for file in manifest.files.values())
    progress(f"fetching {artifact}: {len(manifest.files)} files, {size(whole)}")
    for name, expected in manifest.files.items():
        got = download(store, f"{prefix}{name}", target / name)
        if got != expected:
            raise _mismatch(artifact, name, f"sha256 {expected.sha256}", f"sha256 {got.sha256}")
    (target / contract.MANIFEST).write_bytes(text)


def _manifest(text: bytes, artifact: str) -> Manifest:
    """The manifest, if it is the one that the artifact is named after. Raises ArtifactError."""
    if artifact_digest(text) != artifact:
        raise _mismatch(artifact, contract.MANIFEST, artifact, artifact_digest(text))
    try:
        manifest = Manifest.from_json(text)
    except ManifestError as error:
        raise ArtifactError(f"{artifact}: {error}") from error
    for name in manifest.files:
        if not is_plain(name) or name == contract.MANIFEST:
            raise ArtifactError(f"{artifact}: {name!r} is no name for a file of an artifact")
    return manifest


def _is_whole(directory: Path, artifact: str) -> bool:
    """Whether a directory of the cache holds what it held when it was renamed into place."""
    try:
        manifest = _manifest((directory / contract.MANIFEST).read_bytes(), artifact)
        sizes = {name: (directory / name).stat().st_size for name in manifest.files}
    except (OSError, ArtifactError):
        return False
    return all(sizes[name] == file.bytes for name, file in manifest.files.items())


def _checked(directory: Path) -> Path:
    """A directory that a user named: nothing vouches for it yet, so every digest is checked."""
    try:
        text = (directory / contract.MANIFEST).read_bytes()
        artifact = artifact_digest(text)
        for name, expected in _manifest(text, artifact).files.items():
            if (got := describe(directory / name)) != expected:
                raise _mismatch(str(directory), name, expected.sha256, got.sha256)
    except OSError as error:
        raise ArtifactError(f"{directory} is not a whole artifact: {error}") from error
    return directory


def _mismatch(artifact: str, file: str, expected: str, got: str) -> ArtifactError:
    return ArtifactError(
        f"{artifact} is corrupt and is not served: {file} should be {expected}, but is {got}. "
        "Delete the artifact from the store and freeze the checkpoint again"
    )


@contextmanager
def _alone(cache_dir: Path, artifact: str) -> Iterator[None]:
    """Two processes with one cache fetch once, and what a killed one left is nobody's."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    with (cache_dir / f"{artifact}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _failures(artifact: str) -> Iterator[None]:
    """Turn what a store raises into ArtifactError."""
    try:
        yield
    except STORE_ERRORS as error:
        kind = failure(error)
        message = f"{artifact}: {kind.value} in the store: {explain(error)}"
        if kind is Failure.NOT_FOUND:
            raise ArtifactError(message) from error
        raise ArtifactUnavailableError(message) from error
    except OSError as error:
        raise ArtifactUnavailableError(f"{artifact} cannot be kept on disk: {error}") from error
