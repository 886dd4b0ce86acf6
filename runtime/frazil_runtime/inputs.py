"""What a request may send in place of a tensor, made into that tensor: URIs, JPEGs and PNGs.

The engine calls ``Inputs.resolve`` before it checks a request against the model's signature (or
``fetch``, then looks into its output cache by the bytes, then ``prepare``). A request that holds
neither URIs nor images comes back as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from frazil_runtime import dtypes, takers, texts
from frazil_runtime.contract import Policy
from frazil_runtime.errors import ArtifactError, Code, InferenceError, invalid
from frazil_runtime.fetch import Budget, Fetched, FetchError, open_fetcher
from frazil_runtime.input_cache import InputCache
from frazil_runtime.logs import log
from frazil_runtime.manifest import Image, Manifest
from frazil_runtime.preprocess import Preprocessor, row_bytes
from frazil_runtime.uris import Allowed, Location, Uri, UriError

Array = npt.NDArray[Any]

MAX_URIS: Final = 256  # of one request
MAX_FETCHED: Final = 64 * 2**20  # bytes of one request, all its URIs together
MAX_PREPARED: Final = 256 * 2**20  # bytes of one request's prepared input
_SLICE: Final = 8  # rows that one thread prepares in one go


class Prepares(Protocol):
    """What is needed of a Preprocessor."""

    @property
    def images(self) -> Mapping[str, Image]:
        """The image inputs by name."""

    def prepare_row(self, name: str, image: bytes, row: int) -> Array:
        """One row of the input, or InferenceError."""

    def close(self) -> None:
        """End what runs."""


class Fetches(Protocol):
    """What is needed of a Fetcher."""

    async def fetch(self, location: Location, budget: Budget, etag: str = "") -> Fetched | None:
        """The bytes, None where they have not changed, or FetchError."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request."""

    uris: int = MAX_URIS
    fetched: int = MAX_FETCHED
    prepared: int = MAX_PREPARED


class Inputs:
    """The inputs of one model. Its coroutines belong to one event loop."""

    def __init__(
        self,
        preprocessor: Prepares,
        fetcher: Fetches,
        allow: Mapping[str, Allowed],
        cache: InputCache,
        *,
        threads: int = 1,
        limits: Limits = Limits(),
    ) -> None:
        """``allow`` has by input what its URIs may be, always; ``threads`` prepare at once."""
        self.cache = cache
        self._preprocessor = preprocessor
        self._fetcher = fetcher
        self._always = self._allow = allow
        self._limits = limits
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="preprocess")

    async def resolve(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """``inputs`` with every URI and every image replaced. InferenceError names input and row.

        Strings are object arrays, whose elements are ``bytes`` or ``Uri``.
        """
        return await self.prepare(await self.fetch(inputs))

    async def fetch(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """``inputs`` with the bytes in place of each Uri."""
        if texts.count(list(inputs.values())) > texts.HERE:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, _uris, inputs)
        else:
            found = _uris(inputs)
        if not found:
            return inputs
        if len(found) > self._limits.uris:
            raise invalid(
                f"the request has {len(found)} URIs, the most is {self._limits.uris}: send fewer "
                "rows at once"
            )
        budget = Budget(self._limits.fetched)
        bodies = await _all(self._body(*each, budget) for each in found)
        filled = {name: inputs[name].copy() for name, _, _ in found}
        for (name, row, _), body in zip(found, bodies, strict=True):
            filled[name].flat[row] = body
        return {**inputs, **filled}

    async def prepare(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """``inputs`` with the model's tensor in place of the strings of each image input."""
        sent = {
            name: array
            for name, array in inputs.items()
            if array.dtype == object and name in self._preprocessor.images
        }
        if not sent:
            return inputs
        self._require_room(sent)
        encoded = {name: _images(name, array) for name, array in sent.items()}
        return {**inputs, **{name: await self._rows(name, each) for name, each in encoded.items()}}

    def follow(self, policy: Policy) -> None:
        """From now on allow what this policy does, and what is always allowed, and nothing else.

        A prefix that is none allows nothing, and is logged: the others count all the same.
        """
        told = {name: _readable(name, prefixes) for name, prefixes in policy.allow.items()}
        nothing = Allowed(())
        self._allow = {
            name: self._always.get(name, nothing) | told.get(name, nothing)
            for name in self._always.keys() | told.keys()
        }

    def resize(self, max_bytes: int) -> None:
        """Keep no more than this of what was prepared and fetched."""
        self.cache.resize(max_bytes)

    async def close(self) -> None:
        """Free the graph, and let go of threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._preprocessor.close)
        await self._fetcher.close()

    async def _body(self, name: str, row: int, uri: str, budget: Budget) -> bytes:
        known = self.cache.fetched(uri)
        try:
            location = self._allow.get(name, _NOTHING).find(uri)
            got = await self._fetcher.fetch(location, budget, known.etag if known else "")
            if got is None and known:
                budget.take(len(known.body), location.place)
                return known.body
        except UriError as error:
            raise invalid(f'input "{name}", row {row} is a URI {error}') from error
        except FetchError as error:
            raise InferenceError(error.code, f'input "{name}", row {row}: {error}') from error
        if got is None:
            raise InferenceError(Code.INTERNAL, f"{location.place} has nothing new to nothing old")
        self.cache.keep_fetched(uri, got)
        return got.body

    def _require_room(self, sent: Mapping[str, Array]) -> None:
        """A row may take ten thousand times the bytes of its image."""
        images = self._preprocessor.images
        needed = sum(each.size * row_bytes(images[name]) for name, each in sent.items())
        if needed > self._limits.prepared:
            raise InferenceError(
                Code.PAYLOAD_TOO_LARGE,
                f"the request's images take {needed} bytes once they are prepared, the most is "
                f"{self._limits.prepared}: send fewer rows at once",
            )

    async def _rows(self, name: str, images: Sequence[bytes]) -> Array:
        image = self._preprocessor.images[name]
        rows = np.empty((len(images), *image.shape), dtypes.BY_NAME[image.dtype].numpy)
        loop = asyncio.get_running_loop()
        slices = [
            loop.run_in_executor(self._threads, self._fill, name, images, rows, start)
            for start in range(0, len(images), _SLICE)
        ]
        try:
            await asyncio.gather(*slices)
        finally:
            for each in slices:
                each.cancel()  # of one that failed, or whose client has gone
        rows.flags.writeable = False
        return rows

    def _fill(self, name: str, images: Sequence[bytes], rows: Array, start: int) -> None:
        """Prepare a slice of ``rows``, on a thread."""
        for row in range(start, min(start + _SLICE, len(images))):
            key = self.cache.key(name, images[row])
            prepared = self.cache.row(key)
            if prepared is None:
                prepared = self._preprocessor.prepare_row(name, images[row], row)
                self.cache.keep_row(key, prepared)
            rows[row] = prepared


_NOTHING: Final = Allowed(())


def open_inputs(
    directory: Path,
    manifest: Manifest,
    allow: Mapping[str, Allowed],
    environ: Mapping[str, str],
    *,
    cache_bytes: int,
    threads: int,
) -> Inputs:
    """The inputs of the artifact in ``directory``.

    ``environ`` has the pod's own AWS_*. ArtifactError where ``allow`` or the manifest names an
    input that cannot be what it says.
    """
    for name, why in takers.misfits(manifest, allow).items():
        raise ArtifactError(f"--allow {name}: {why}")
    cache, fetcher = InputCache(cache_bytes, manifest.digest), open_fetcher(environ)
    return Inputs(Preprocessor(directory, manifest), fetcher, allow, cache, threads=threads)


def _uris(inputs: Mapping[str, Array]) -> list[tuple[str, int, Uri]]:
    """Each with its input and row."""
    return [
        (name, row, element)
        for name, array in inputs.items()
        if array.dtype == object and Uri in texts.kinds(array)
        for row, element in enumerate(array.flat)
        if type(element) is Uri
    ]


def _readable(name: str, prefixes: Iterable[str]) -> Allowed:
    """Those of the prefixes that can be read."""
    read = Allowed(())
    for prefix in prefixes:
        try:
            read |= Allowed.parse([prefix])
        except ValueError as error:
            log.warning("spec.inputs.%s.fetch.allow: %s", name, error)
    return read


def _images(name: str, array: Array) -> list[bytes]:
    if array.ndim != 1:
        raise invalid(f'input "{name}" takes images in shape [-1], got {list(array.shape)}')
    images: list[bytes] = array.tolist()
    for row, image in enumerate(images):
        if type(image) is not bytes:
            raise invalid(f'input "{name}", row {row} must be bytes, got {type(image).__name__}')
    return images


async def _all(work: Iterable[Any]) -> list[Any]:
    """The results in order; the first error ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
