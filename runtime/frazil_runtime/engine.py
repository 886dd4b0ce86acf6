"""The one seam between protocols and the model: ``infer(request)``. Knows no transport.

request → checked → output cache → line → run, together with others → answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy.typing as npt

from frazil_runtime.cache import OutputCache, key_of, size_of
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.dispatcher import ENDLESS_SECONDS, Dispatcher
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.flights import Flight
from frazil_runtime.jobs import Hosted, Job, Result, Runs
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.statistics import Statistics
from frazil_runtime.validation import check_inputs, check_outputs, find_signature

Array = npt.NDArray[Any]

HASH_HERE: Final = 2**20  # bytes; what is longer is hashed on a thread: 0.3 ms at 3 GB/s
LEAST_BYTES: Final = 4096  # that a request counts


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One request in the model's own terms.

    ``inputs`` maps the signature's input names to arrays of the manifest's dtypes; strings are
    object arrays of ``bytes``. ``outputs`` selects from the signature's outputs; empty means all.
    ``timeout`` is in how many seconds the client will be gone (None: it waits), ``priority`` the
    Triton protocol's (0: the default, 1: the highest), ``stored`` False where the output cache is
    neither to be read nor written.
    """

    signature: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] = ()
    timeout: float | None = None
    priority: int = 0
    stored: bool = True


@dataclass(frozen=True, slots=True)
class InferResponse:
    """The outputs by name, in the order asked for, else in the manifest's. Arrays are read-only.

    ``cache`` is what the output cache had to do with it: ``hit``, ``miss`` or ``off``.
    """

    outputs: dict[str, Array]
    cache: str = "off"


class Resolves(Protocol):
    """Makes tensors of images and URIs."""

    async def resolve(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """The inputs as the model takes them; InferenceError names what is wrong."""

    def resize(self, max_bytes: int) -> None:
        """Keep no more than this of what was prepared and fetched."""


class Engine:
    """What all models of a process share: the line, the slots, the memory, the policy."""

    def __init__(
        self,
        slots: int,
        batching: Batching,
        policy: Policy,
        *,
        endless_seconds: float = ENDLESS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = slots
        self.dispatcher = Dispatcher(slots, batching, endless_seconds=endless_seconds, clock=clock)
        self.cache = OutputCache()
        self.policy = policy
        self._hosted: dict[str, Hosted] = {}
        self._inputs: list[Resolves] = []
        self.bytes = 0  # of requests that are being received, wait or run
        self._hashing: Executor = ThreadPoolExecutor(1, thread_name_prefix="hash")
        self.follow(policy)

    def follow(self, policy: Policy) -> None:
        """Follow this policy from now on."""
        self.policy = policy
        self.dispatcher.apply(policy)
        on, size = policy.caches_outputs, policy.output_cache_bytes
        self.cache.set(on=on, epoch=policy.epoch, max_bytes=size)
        for inputs in self._inputs:
            inputs.resize(policy.input_cache_bytes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of rows that are run together."""
        return self.dispatcher.costs.sizes

    @property
    def input_caches(self) -> int:
        """How many models keep what was prepared and fetched for them."""
        return len(self._inputs)

    def warmed(self) -> None:
        """All models have run: from here on it is fixed what a large request is."""
        largest = self.dispatcher.costs.largest
        self.dispatcher.scheduler.rules.reference = largest or 1.0

    def host(
        self,
        name: str,
        manifest: Manifest,
        make: Callable[[], Runs],
        inputs: Resolves | None = None,
    ) -> ModelEngine:
        """Take a model in; ``make`` makes its session, now and where one has to be replaced.

        ``inputs`` makes tensors of what requests may send in place of them.
        """
        hosted = Hosted(name, manifest, make, Statistics())
        self._hosted[name] = hosted
        if inputs is not None:
            self._inputs.append(inputs)
        return ModelEngine(self, hosted, inputs)

    @property
    def statistics(self) -> dict[str, Statistics]:
        """Of each model, by its name."""
        return {hosted.name: hosted.statistics for hosted in self._hosted.values()}

    @contextmanager
    def reserve(self, model: str, size: int | None) -> Iterator[None]:
        """Count a request of ``size`` bytes (None: not known yet) for as long as the block lasts.

        InferenceError at once where it would be refused anyway: there are too many bytes, or too
        much work is waiting.
        """
        size = max(LEAST_BYTES, size or 0)
        if self.bytes + size > self.policy.max_bytes and self.bytes:
            raise InferenceError(
                Code.RESOURCE_EXHAUSTED,
                f"requests of {self.bytes} bytes are waiting, the most is {self.policy.max_bytes}",
                retry_after=self.dispatcher.refusal().retry_after,
            )
        if self.dispatcher.would_refuse(self._hosted[model]):
            raise self.dispatcher.refusal()
        self.bytes += size
        try:
            yield
        finally:
            self.bytes -= size

    async def hashed(self, size: int, work: Callable[[], bytes]) -> bytes:
        """Hash here what is small, and elsewhere what is not."""
        if size <= HASH_HERE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._hashing, work)

    def close(self) -> None:
        """End the runs that nobody waits for any more, and start nothing more."""
        for hosted in self._hosted.values():
            hosted.session.close()
        self.dispatcher.close()
        self._hashing.shutdown(cancel_futures=True)


class ModelEngine:
    """One model of an engine: ``infer`` answers its requests."""

    def __init__(self, engine: Engine, hosted: Hosted, inputs: Resolves | None = None) -> None:
        self.hosted = hosted
        self._inputs = inputs
        self.statistics = hosted.statistics
        self._engine = engine
        self._scope = f"{hosted.name}\0{hosted.manifest.digest}".encode()
        self._flights: dict[bytes, Flight] = {}

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run one request; InferenceError says what is wrong with it or with its run."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            signature = find_signature(self.hosted.manifest, request.signature)
            wanted = check_outputs(signature, request.outputs)
            sent = request.inputs
            if self._inputs is not None:
                sent = await self._inputs.resolve(sent)
            inputs = check_inputs(signature, sent)
            outputs, cache = await self._outputs(request, signature, inputs)
        except InferenceError:
            self.statistics.failed.add(clock() - began)
            raise
        self.statistics.requests.add(clock() - began)
        names = [tensor.name for tensor in signature.outputs]
        if wanted == tuple(names):
            return InferResponse(dict(zip(names, outputs, strict=True)), cache)
        return InferResponse({name: outputs[names.index(name)] for name in wanted}, cache)

    async def _outputs(
        self, request: InferRequest, signature: Signature, inputs: list[Array]
    ) -> tuple[list[Array], str]:
        """The outputs in fetch order, and what the cache had to do with them."""
        cache = self._engine.cache
        if request.timeout is not None and request.timeout <= 0:
            raise InferenceError(Code.DEADLINE_EXCEEDED, "the request's time was over on arrival")
        if not (cache.on and request.stored and signature.deterministic):
            return await self._take_off(request, inputs, None).wait(request.timeout), "off"
        epoch, size = cache.epoch, sum(map(size_of, inputs))
        scope = b"%s\0%s" % (self._scope, request.signature.encode())
        key = await self._engine.hashed(size, lambda: key_of(scope, epoch, signature, inputs))
        found = cache.get(key)
        if found is not None:
            self.statistics.hits.add(0.0)
            return found, "hit"
        self.statistics.misses.add(0.0)
        flight = self._flights.get(key) or self._take_off(request, inputs, key)
        return await flight.wait(request.timeout), "miss"

    def _take_off(self, request: InferRequest, inputs: list[Array], key: bytes | None) -> Flight:
        """Put a job in line; with a key, others may join it, and its result is kept."""
        epoch = self._engine.cache.epoch

        def done(result: Result) -> None:
            if key is not None:
                self._flights.pop(key, None)
                if not isinstance(result, InferenceError):
                    self._engine.cache.put(key, result, epoch)
            flight.land(result)

        def give_up() -> None:
            if key is not None:
                self._flights.pop(key, None)
            self._engine.dispatcher.abandon(job)

        flight = Flight(give_up)
        costs = self._engine.dispatcher.costs
        job = Job.of(self.hosted, request.signature, inputs, costs, done, priority=request.priority)
        if key is not None:
            self._flights[key] = flight
        self._engine.dispatcher.submit(job)
        return flight
