"""The bytes that a URI of a request stands for, within bounds of size and time.

Where they come from is in fetch_https.py and fetch_s3.py; which URIs may be asked for at all, in
uris.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from frazil_runtime.errors import Code
from frazil_runtime.transfer import size
from frazil_runtime.uris import Location

SECONDS: Final = 5.0  # for one fetch, from the look-up of the name to the last byte
AT_ONCE: Final = 8  # fetches of one model


class FetchError(Exception):
    """What a URI stands for cannot be had. The message names the host, and nothing behind it."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Budget:
    """How many bytes one request may still fetch, with all its URIs together."""

    bytes: int

    def take(self, count: int, place: str) -> None:
        """Use up ``count`` bytes; FetchError where there are not as many left."""
        self.bytes -= count
        if self.bytes < 0:
            raise FetchError(
                Code.PAYLOAD_TOO_LARGE,
                f"{place} sends more bytes than a request may have: the URIs of one request "
                f"exceed it by at least {size(-self.bytes)}",
            )


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and the ETag to ask again with; empty where there is none."""

    body: bytes
    etag: str


class Source(Protocol):
    """Where the URIs of one scheme lead."""

    async def get(self, location: Location, etag: str, budget: Budget) -> Fetched | None:
        """What lies there; None where that is still what had ``etag``. FetchError."""

    async def close(self) -> None:
        """Let go of connections."""


class Fetcher:
    """Fetches by scheme; a few at once, the others wait for them."""

    def __init__(
        self, sources: Mapping[str, Source], seconds: float = SECONDS, at_once: int = AT_ONCE
    ) -> None:
        """``sources`` are by scheme: ``https``, ``s3``."""
        self._sources = sources
        self._seconds = seconds
        self._gate = asyncio.Semaphore(at_once)

    async def fetch(self, location: Location, budget: Budget, etag: str = "") -> Fetched | None:
        """What lies at ``location``, which the caller found to be allowed.

        With ``etag``, None says that it has not changed. FetchError says why it cannot be had.
        """
        async with self._gate:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._sources[location.scheme].get(location, etag, budget)
            except TimeoutError:
                raise FetchError(
                    Code.UNAVAILABLE,
                    f"{location.place} did not send it within {self._seconds:g} s: try again, or "
                    "send the bytes themselves",
                ) from None

    async def close(self) -> None:
        """Let go of connections."""
        for source in self._sources.values():
            await source.close()


class Later:
    """A source that is opened when it is first asked: what it imports takes long."""

    def __init__(self, load: Callable[[], Callable[[], Source]]) -> None:
        """``load`` is called on a thread, what it gives where the event loop runs."""
        self._load = load
        self._source: Source | None = None

    async def get(self, location: Location, etag: str, budget: Budget) -> Fetched | None:
        """As Source says."""
        if self._source is None:
            make = await asyncio.to_thread(self._load)
            self._source = self._source or make()  # another may have been quicker
        return await self._source.get(location, etag, budget)

    async def close(self) -> None:
        """As Source says."""
        if self._source is not None:
            await self._source.close()


def open_fetcher(environ: Mapping[str, str]) -> Fetcher:
    """Of all sources there are, ``environ`` being the pod's own.

    None is imported before it is used: an HTTP client takes a third of a second.
    """

    def https() -> Callable[[], Source]:
        from frazil_runtime.fetch_https import HttpsSource  # noqa: PLC0415 - see above

        return HttpsSource

    def s3() -> Callable[[], Source]:
        from frazil_runtime.fetch_s3 import S3Source  # noqa: PLC0415 - see above

        return partial(S3Source, environ)

    return Fetcher({"https": Later(https), "s3": Later(s3)})


async def collect(
    chunks: AsyncIterable[bytes], announced: int, place: str, budget: Budget
) -> bytes:
    """The chunks together. What is ``announced`` to be too much is not read (0: unknown)."""
    if announced > budget.bytes:
        budget.take(announced, place)
    body = bytearray()
    async for chunk in chunks:
        budget.take(len(chunk), place)
        body += chunk
    return bytes(body)
