"""Pure: what a listing shows to be at a URI: a TF1 checkpoint, a SavedModel or a file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.transfer import is_plain

SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt")
# What S3 tools leave behind for a folder: an empty object of its name.
_FOLDERS: Final = ("assets", "assets.extra", "variables")
_PART: Final = re.compile(r"(?P<stem>.+)\.(index|meta|data-\d{5}-of-(?P<shards>\d{5}))")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: its ``key`` in the store, bytes (None where not known before it comes), ETag."""

    key: str
    size: int | None
    etag: str | None = None
    optional: bool = False


Files = Mapping[str, Entry]  # by the names that the digest covers


def checkpoint(uri: str, name: str, siblings: Iterable[Entry]) -> Files:
    """The files of the TF1 checkpoint ``name`` among what lies beside them; empty where none does.

    In the old format (V1) all variables are in one file that has the very name. Raises
    FreezeError (INVALID_CHECKPOINT) where a part is missing.
    """
    beside = {entry.key: entry for entry in siblings}
    parts = {
        key: entry
        for key, entry in beside.items()
        if (match := _PART.fullmatch(key)) and match["stem"] == name
    }
    if parts.keys() == {f"{name}.meta"} and name in beside:
        return parts | {name: beside[name]}
    if not parts:
        return {}
    counts = {int(m["shards"]) for key in parts if (m := _PART.fullmatch(key)) and m["shards"]}
    shards = max(counts, default=1)
    data = [f"{name}.data-{shard:05d}-of-{shards:05d}" for shard in range(shards)]
    missing = [part for part in (f"{name}.index", *data) if part not in parts]
    if missing:
        raise FreezeError(
            Exit.INVALID_CHECKPOINT,
            f"{uri} is not whole: {', '.join(missing)} is missing. Upload it beside the others",
        )
    return parts


def saved_model(uri: str, below: Mapping[str, Entry]) -> Files:
    """The files of a SavedModel, given all that lies below its directory, by relative path.

    Raises FreezeError: INVALID_CHECKPOINT where this is no SavedModel, with what there is instead;
    INVALID_REQUEST for names that are not plain paths.
    """
    files = _without_markers(below)
    if not any(name in files for name in SAVED_MODEL):
        raise FreezeError(Exit.INVALID_CHECKPOINT, _no_saved_model(uri, files))
    for name in files:
        if not is_plain(name):
            raise FreezeError(
                Exit.INVALID_REQUEST, f"{uri} has a file named {name!r}, which is no relative path"
            )
    return files


def nothing(uri: str, name: str, beside: Collection[str]) -> FreezeError:
    """The error for a URI at which there is nothing, with names that come near it."""
    stems = {match["stem"] if (match := _PART.fullmatch(key)) else key for key in beside}
    near = get_close_matches(name, sorted(stems), n=3)
    hint = f" Nearest names beside it: {', '.join(near)}." if near else ""
    return FreezeError(
        Exit.SOURCE_NOT_FOUND,
        f"{uri}: nothing there.{hint} Check spec.checkpoint.uri; "
        "a TF1 checkpoint is named by its prefix, without .index",
    )


def part(uri: str, name: str) -> FreezeError | None:
    """The error where a URI names one file of a TF1 checkpoint instead of their prefix."""
    match = _PART.fullmatch(name)
    if not match:
        return None
    prefix = uri.removesuffix(name) + match["stem"]
    return FreezeError(
        Exit.INVALID_REQUEST,
        f"{uri} is one file of a TF1 checkpoint: name their common prefix, {prefix}",
    )


def _without_markers(below: Mapping[str, Entry]) -> Files:
    parents = {parent for name in below for parent in _parents(name)} | {"", *_FOLDERS}
    return {name: entry for name, entry in below.items() if entry.size or name not in parents}


def _parents(name: str) -> list[str]:
    segments = name.split("/")[:-1]
    return ["/".join(segments[: depth + 1]) for depth in range(len(segments))]


def _no_saved_model(uri: str, files: Files) -> str:
    versions = sorted(
        name.rpartition("/")[0] for name in files if name.rpartition("/")[2] in SAVED_MODEL
    )
    prefixes = sorted({m["stem"] for name in files if (m := _PART.fullmatch(name))})
    found = [f"{uri}/{name}" for name in (*versions, *prefixes)]
    if found:
        return f"{uri} is a folder around what can be frozen; name one of: {', '.join(found[:8])}"
    return (
        f"{uri} is a folder without a saved_model.pb. Name a SavedModel's directory, a TF1 "
        "checkpoint's prefix, a .keras file or a frozen .pb"
    )
