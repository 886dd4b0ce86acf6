"""What was prepared and fetched for inputs before, within one bound in bytes."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy.typing as npt
from blake3 import blake3

from frazil_runtime.fetch import Fetched
from frazil_runtime.lru import ByteLRU

Array = npt.NDArray[Any]
_OVERHEAD: Final = 256  # bytes of an entry beside its content


class InputCache:
    """Rows by what they were made of, fetched bodies by their URI. May be used from any thread.

    A row's key is ``key``: the model's artifact, the input's name and the image. A body is kept
    with its ETag, and whoever uses it asks the server first whether it is still the one. Counters
    are of lookups: an image that was fetched and prepared before counts as two hits.
    """

    def __init__(self, max_bytes: int, artifact: str) -> None:
        """``artifact`` is the manifest's digest: another artifact may prepare otherwise."""
        self._artifact = artifact
        self._entries = ByteLRU[Array | Fetched](max_bytes)
        self._lock = threading.Lock()

    def key(self, name: str, image: bytes) -> bytes:
        """Of the row that input ``name`` has for ``image`` (BLAKE3: about a millisecond a MB)."""
        context = f"{self._artifact}\0{len(name)}\0{name}\0".encode()
        return blake3(context).update(image).digest()

    def row(self, key: bytes) -> Array | None:
        """The prepared row, read-only."""
        with self._lock:
            found = self._entries.get(key)
        return None if isinstance(found, Fetched) else found

    def keep_row(self, key: bytes, row: Array) -> None:
        """Keep a row that owns its memory: a view would keep all of what it is a view of."""
        with self._lock:
            self._entries.put(key, row, row.nbytes + _OVERHEAD)

    def fetched(self, uri: str) -> Fetched | None:
        """What lay at the URI when it was last asked for, with its ETag."""
        with self._lock:
            found = self._entries.get(uri)
        return found if isinstance(found, Fetched) else None

    def keep_fetched(self, uri: str, fetched: Fetched) -> None:
        """Keep what lies at the URI, if it has an ETag to ask with."""
        if fetched.etag:
            with self._lock:
                self._entries.put(uri, fetched, len(fetched.body) + len(uri) + _OVERHEAD)

    def drop_all(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.drop_all()

    def resize(self, max_bytes: int) -> None:
        """Another bound, at once."""
        with self._lock:
            self._entries.resize(max_bytes)

    @property
    def bytes(self) -> int:
        """What is held now."""
        return self._entries.bytes

    @property
    def hits(self) -> int:
        """Lookups that found something."""
        return self._entries.hits

    @property
    def misses(self) -> int:
        """Lookups that found nothing."""
        return self._entries.misses

    @property
    def evictions(self) -> int:
        """Entries that had to make room."""
        return self._entries.evictions
