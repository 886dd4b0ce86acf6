"""The checkpoint at a URI: found by listing, fetched as streams, its digest taken on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import listing
from frazil_runtime.freeze.assets import asset_names
from frazil_runtime.freeze.digest import checkpoint_digest
from frazil_runtime.freeze.listing import Entry, Files
from frazil_runtime.freeze.location import Location, locate
from frazil_runtime.freeze.outcome import UnavailableError, source_failures
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import File
from frazil_runtime.transfer import STORE_ERRORS, download, is_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obstore import ObjectMeta
    from obstore.store import ObjectStore

_FIELD: Final = "spec.checkpoint.uri"
_SINGLE: Final = (".keras", ".h5", ".hdf5", ".pb", ".pbtxt")


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint that was found. ``path`` is what the loaders are given, below where it is
    fetched to: the prefix, directory or file. ``files`` lie below ``folder``; ``beside`` is what
    else a TF1 checkpoint may need, None where nobody can list it."""

    uri: str
    store: ObjectStore
    path: str
    folder: str
    files: Files
    beside: Files | None = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The size of all files, as far as it is known before they come."""
        return sum(entry.size or 0 for entry in self.files.values())


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checkpoint on disk: where, its digest (``sha256:<hex>``), its size in bytes."""

    path: Path
    digest: str
    bytes: int


def find(uri: str, environ: Mapping[str, str]) -> Source:
    """Say what is at ``uri``: a file, a TF1 checkpoint by its prefix, or a SavedModel's directory.

    Over http(s), which cannot list, a name with a known ending is a file, and any other the prefix
    of a TF1 checkpoint with one data file; a SavedModel cannot be fetched so. Raises FreezeError
    and UnavailableError.
    """
    location = locate(uri, environ)
    if wrong := listing.part(location.uri, location.name):
        raise wrong
    with source_failures(location.uri, _FIELD):
        return _listed(location) if location.listable else _guessed(location)


def fetch(source: Source, folder: Path, received: Callable[[int], None]) -> Fetched:
    """Stream every file of ``source`` below ``folder``, an empty directory.

    With a TF1 checkpoint come the files beside it that its tables are filled from. ``received``
    is told the bytes of each chunk. Raises FreezeError and UnavailableError, the latter also where
    a file is not as long as the listing said.
    """
    got: dict[str, File] = {}

    def take(files: Files) -> None:
        for name, entry in files.items():
            if file := _take(source, entry, folder / source.folder / name, received):
                got[name] = file

    take(source.files)
    take(_assets(source, folder))
    size = sum(file.bytes for file in got.values())
    return Fetched(folder / source.path, checkpoint_digest(got), size)


def _take(
    source: Source, entry: Entry, target: Path, received: Callable[[int], None]
) -> File | None:
    """Stream one file; None where it is optional and not there."""
    with source_failures(source.uri, _FIELD):
        try:
            file = download(source.store, entry.key, target, received, entry.etag)
        except FileNotFoundError:
            if entry.optional:
                return None
            raise
    if entry.size is not None and file.bytes != entry.size:
        raise UnavailableError(
            f"{source.uri}: {entry.key} was listed with {entry.size} bytes, but {file.bytes} "
            "came: it is being written, or the connection broke"
        )
    return file


def _assets(source: Source, folder: Path) -> Files:
    """What the ``.meta`` that was fetched to ``folder`` names of the files beside it."""
    meta = folder / f"{source.path}.meta"
    if meta.name not in source.files or not meta.exists():
        return {}
    names = sorted(asset_names(meta.read_bytes()) - source.files.keys())
    if source.beside is None:
        return {name: Entry(name, None, optional=True) for name in names if is_plain(name)}
    return {name: source.beside[name] for name in names if name in source.beside}


def fetch_file(uri: str, field: str, target: Path, environ: Mapping[str, str]) -> File:
    """Stream the one file that ``field`` of the spec names. Raises as ``fetch`` does."""
    location = locate(uri, environ)
    _confined(location, {location.name: Entry(location.name, None)})
    with source_failures(location.uri, field):
        return download(location.store, location.name, target)


def _listed(location: Location) -> Source:
    name, store = location.name, location.store
    if not name:
        return _directory(location, "")
    beside, folders = _beside(location)
    single = name in beside and not (name in folders and not beside[name].size)
    if single and PurePosixPath(name).suffix in _SINGLE:
        return _single(location, beside[name])
    if parts := listing.checkpoint(location.uri, name, beside.values()):
        _confined(location, parts)
        others = {k: e for k, e in beside.items() if not location.leaves_the_claim(e.key)}
        return Source(location.uri, store, name, "", parts, others)
    if single:
        return _single(location, beside[name])
    if name in folders:
        return _directory(location, name)
    raise listing.nothing(location.uri, name, beside.keys() | folders)


def _beside(location: Location) -> tuple[dict[str, Entry], set[str]]:
    """The files in the folder around ``location`` by name, and the folders in it."""
    if location.folder is None:
        page = location.store.list_with_delimiter()
        objects, prefixes = page["objects"], page["common_prefixes"]
        return {e.key: e for e in _entries(objects)}, {PurePosixPath(p).name for p in prefixes}
    # Not so on a disk: a link in a circle, or a name that is not UTF-8, would fail it all.
    files, folders = {}, set()
    for path in location.folder.iterdir():
        with suppress(*STORE_ERRORS, OSError, ValueError):
            if path.is_dir():
                folders.add(path.name)
            else:
                (files[path.name],) = _entries([location.store.head(path.name)])
    return files, folders


def _directory(location: Location, name: str) -> Source:
    pages = location.store.list(name or None)
    prefix = f"{name}/" if name else ""
    below = {e.key.removeprefix(prefix): e for page in pages for e in _entries(page) if e.key}
    files = listing.saved_model(location.uri, {k: e for k, e in below.items() if e.key != name})
    _confined(location, files)
    folder = name or "model"
    return Source(location.uri, location.store, folder, folder, files)


def _single(location: Location, entry: Entry) -> Source:
    files = {location.name: entry}
    _confined(location, files)
    return Source(location.uri, location.store, location.name, "", files)


def _guessed(location: Location) -> Source:
    name = location.name
    if PurePosixPath(name).suffix in _SINGLE:
        return _single(location, Entry(name, None))
    store, meta = location.store, Entry(f"{name}.meta", None, optional=True)
    try:
        index = store.head(f"{name}.index")
    except FileNotFoundError as error:
        with suppress(FileNotFoundError):  # the old format; a folder's page has no .meta
            old = {key: Entry(key, store.head(key)["size"]) for key in (meta.key, name)}
            return Source(location.uri, store, name, "", old, None)
        raise FreezeError(
            Exit.SOURCE_NOT_FOUND,
            f"{location.uri}: there is no {name}.index. Over https a model is one file "
            f"({', '.join(_SINGLE)}) or the prefix of a TF1 checkpoint with one data file; "
            "a SavedModel needs a store that can list: s3://, gs://, az:// or pvc://",
        ) from error
    data = f"{name}.data-00000-of-00001"
    files = {
        f"{name}.index": Entry(f"{name}.index", index["size"]),
        data: Entry(data, None),
        meta.key: meta,
    }
    return Source(location.uri, store, name, "", files, None)


def _entries(objects: Sequence[ObjectMeta]) -> list[Entry]:
    return [Entry(o["path"], o["size"], o["e_tag"]) for o in objects]


def _confined(location: Location, files: Files) -> None:
    for entry in files.values():
        if location.leaves_the_claim(entry.key):
            raise FreezeError(
                Exit.INVALID_REQUEST,
                f"{location.uri}: {entry.key} is a link that leads out of the volume claim. "
                "Put the file itself there",
            )
