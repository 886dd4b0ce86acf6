"""Fetches from S3 buckets, with the pod's own credentials (objects.open_input_bucket)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import NotModifiedError

from frazil_runtime.errors import Code
from frazil_runtime.fetch import Budget, Fetched, FetchError, collect
from frazil_runtime.objects import open_input_bucket
from frazil_runtime.transfer import STORE_ERRORS, Failure, failure
from frazil_runtime.uris import Location

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CHUNK: Final = 1 << 16  # bytes
_ADVICE: Final = {
    Failure.NOT_FOUND: "has no such object: check the URI's key",
    Failure.FORBIDDEN: "denies access: give the model's pods credentials that may read it",
    Failure.REFUSED: "refuses the request: check the bucket's name and region",
    Failure.UNAVAILABLE: "is out of reach: try again later",
}


class S3Source:
    """fetch.Source for ``s3``; each bucket is opened once."""

    def __init__(
        self,
        environ: Mapping[str, str],
        opened: Callable[[str, Mapping[str, str]], ObjectStore] = open_input_bucket,
    ) -> None:
        self._environ = environ
        self._open = opened
        self._buckets: dict[str, ObjectStore] = {}  # as many as fetch.allow names

    async def get(self, location: Location, etag: str, budget: Budget) -> Fetched | None:
        """As fetch.Source says; If-None-Match carries ``etag``."""
        if not location.key:
            what = f"{location.place} is a bucket: name an object in it"
            raise FetchError(Code.INVALID_ARGUMENT, what)
        try:
            answer = await obstore.get_async(
                self._bucket(location.host),
                location.key,
                options={"if_none_match": etag} if etag else None,
            )
            chunks = _stream(answer)
            body = await collect(chunks, answer.meta["size"], location.place, budget)
            return Fetched(body, answer.meta["e_tag"] or "")
        except NotModifiedError:
            return None
        except (*STORE_ERRORS, ValueError) as error:
            raise _failed(location, error) from error

    async def close(self) -> None:
        """Forget the buckets."""
        self._buckets.clear()

    def _bucket(self, name: str) -> ObjectStore:
        if name not in self._buckets:
            self._buckets[name] = self._open(name, self._environ)
        return self._buckets[name]


async def _stream(answer: obstore.GetResult) -> AsyncIterator[bytes]:
    async for chunk in answer.stream(min_chunk_size=_CHUNK):
        yield bytes(chunk)


def _failed(location: Location, error: Exception) -> FetchError:
    kind = Failure.REFUSED if isinstance(error, ValueError) else failure(error)
    code = Code.UNAVAILABLE if kind is Failure.UNAVAILABLE else Code.INVALID_ARGUMENT
    return FetchError(code, f"{location.place} {_ADVICE[kind]}")
