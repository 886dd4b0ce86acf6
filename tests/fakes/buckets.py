"""What a bucket is to a test, whoever keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from frazil_runtime.objects import open_source

if TYPE_CHECKING:
    from obstore.store import ObjectStore

NOBODY = "http://127.0.0.1:9"  # an endpoint at which no server listens


@dataclass(frozen=True)
class Bucket:
    """A bucket of a test's own, on a server of its kind. ``url`` is ``<scheme>://<name>``.

    ``environ`` is what a user sets who reads it, ``store_environ`` what a pod is given whose store
    it is. What is otherwise in both is in ``forged`` where the credentials are nobody's, and in
    ``elsewhere`` where no server answers. An answer to a listing has at most ``page`` objects.
    """

    url: str
    environ: dict[str, str]
    store_environ: dict[str, str]
    forged: dict[str, str]
    elsewhere: dict[str, str]
    page: int

    def open(self) -> ObjectStore:
        """The bucket as its owner sees it."""
        return open_source(self.url, self.environ)

    def upload(self, directory: Path, prefix: str) -> str:
        """Put every file below ``directory`` under ``prefix``; returns their URL."""
        store = self.open()
        for path in sorted(p for p in directory.rglob("*") if p.is_file()):
            store.put(f"{prefix}/{path.relative_to(directory)}", path)
        return f"{self.url}/{prefix}"


class Server(Protocol):
    """Makes buckets, each for one test."""

    def bucket(self) -> Bucket:
        """An empty bucket."""
