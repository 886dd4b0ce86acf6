"""Moves objects to disk as streams, and says what went wrong in words that lead somewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obstore import exceptions

from frazil_runtime.manifest import File

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK: Final = 1 << 20  # bytes held at once


class Failure(Enum):
    """Why a store did not give what it was asked for."""

    NOT_FOUND = "nothing there"
    FORBIDDEN = "access denied"
    REFUSED = "the request was refused"
    UNREADABLE = "it cannot be read as it is"
    UNAVAILABLE = "out of reach"  # the one that another try may mend


class TruncatedError(Exception):
    """A stream ended early, or the object changed while it was read."""


# What obstore raises when a store fails, and download().
STORE_ERRORS: Final = (exceptions.BaseError, FileNotFoundError, PermissionError, TruncatedError)
_HTTP_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})[^:]*(?::.*?<Message>(.*?)<)?", re.S)
# Where obstore looks for the machine's own identity: only when it was given no other.
_METADATA_SERVICE: Final = "169.254.169.254"
_PROVIDERS: Final = (("Generic GCS error", "GOOGLE"), ("Generic MicrosoftAzure error", "AZURE"))
# A link in a circle, and a server that does not say how long a file is.
_UNREADABLE: Final = re.compile("File system loop|\\(os error 40\\)|Content-Length")
_RETRIED_STATUS: Final = (408, 409, 412, 425, 429)


def failure(error: Exception) -> Failure:
    """What kind of failure one of STORE_ERRORS is.

    Listings come as obstore's GenericError whatever the server's status was, so the text decides.
    """
    text = str(error)
    found = _HTTP_STATUS.search(text)
    status = int(found[1]) if found else 0
    if _METADATA_SERVICE in text:
        return Failure.FORBIDDEN
    if isinstance(error, FileNotFoundError) or status == 404:
        return Failure.NOT_FOUND
    denied = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError)
    if isinstance(error, denied) or status in (401, 403) or "(os error 13)" in text:
        return Failure.FORBIDDEN
    if isinstance(error, exceptions.InvalidPathError) or _UNREADABLE.search(text):
        return Failure.UNREADABLE
    if 300 <= status < 500 and status not in _RETRIED_STATUS:
        return Failure.REFUSED
    return Failure.UNAVAILABLE


def explain(error: Exception) -> str:
    """The error in one line: the server's own message where it sent one, never a URL's query."""
    text = str(error)
    if _METADATA_SERVICE in text:
        provider = next((name for who, name in _PROVIDERS if who in text), "AWS")
        return (
            f"there are no credentials; what is public is read with {provider}_SKIP_SIGNATURE=true"
        )
    if "Content-Length" in text:
        return "the server does not say how long the file is: it sends no Content-Length"
    found = _HTTP_STATUS.search(text)
    if found and found[2]:
        return found[2].strip().partition("\n")[0]  # Azure's has numbers of the request below
    first = text.partition("\n")[0].partition("Debug source")[0]
    return re.sub(r"\?[^\s)]*", "", first).strip()


def size(count: int) -> str:
    """Bytes as people read them: ``6.9 kB``, ``104.9 MB``."""
    for power, unit in ((3, "GB"), (2, "MB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count / 1000:.1f} kB"


def is_plain(name: str) -> bool:
    """Whether ``name`` is a relative path of plain segments: what comes from outside may be joined
    to a directory only if it is."""
    printable = name.isprintable() and "\\" not in name
    return printable and not {"", ".", ".."} & set(name.split("/"))


def download(
    store: ObjectStore,
    key: str,
    target: Path,
    received: Callable[[int], None] = lambda _: None,
    etag: str | None = None,
) -> File:
    """Stream the object ``key`` into the new file ``target``; SHA-256 and size of what came.

    At most a few chunks are held in memory. ``received`` is told the bytes of each chunk. With
    ``etag``, an object that is no longer that one is refused. Raises STORE_ERRORS and OSError.
    """
    answer = store.get(key, options={"if_match": etag} if etag else None)
    digest, length = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        for chunk in answer.stream(min_chunk_size=CHUNK):
            digest.update(chunk)
            file.write(chunk)
            length += len(chunk)
            received(len(chunk))
    if length != answer.meta["size"]:
        raise TruncatedError(f"{key}: {length} bytes came of {answer.meta['size']}")
    return File(digest.hexdigest(), length)


def describe(path: Path) -> File:
    """SHA-256 and size of a file, read as a stream."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return File(digest, file.tell())
