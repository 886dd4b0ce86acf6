"""The one seam between protocols and the model: ``infer(request)``. Knows no transport.

request → checked → output cache → line → run, together with others → answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Final, Protocol, TypeVar

from frazil_runtime import texts
from frazil_runtime.cache import OutputCache, key_of, size_of
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.dispatcher import Dispatcher
from frazil_runtime.door import Door
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.execution import ENDLESS_SECONDS
from frazil_runtime.flights import Flight
from frazil_runtime.forms import Forms
from frazil_runtime.jobs import Hosted, Job, Result, Runs
from frazil_runtime.manifest import Manifest
from frazil_runtime.requests import Array, Asked, Done, InferRequest, InferResponse, Stamps
from frazil_runtime.statistics import Statistics
from frazil_runtime.validation import check_outputs, check_strings

HASH_HERE: Final = 2**20  # bytes; what is longer is hashed on a thread: 0.3 ms at 3 GB/s

T = TypeVar("T")


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
        self.door = Door(self.dispatcher, self._hosted)
        self._reading: Executor = ThreadPoolExecutor(1, thread_name_prefix="read")
        self.follow(policy)

    def follow(self, policy: Policy) -> None:
        """Follow this policy from now on."""
        self.policy = policy
        self.dispatcher.apply(policy)
        self.door.max_bytes = policy.max_bytes
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

    async def apart(self, work: Callable[[], T]) -> T:
        """Look through, or hash, what is too large for it here."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    def close(self) -> None:
        """End the runs that nobody waits for any more, and start nothing more."""
        for hosted in self._hosted.values():
            hosted.session.close()
        self.dispatcher.close()
        self._reading.shutdown(cancel_futures=True)


Leave = Callable[[], object]


class ModelEngine:
    """One model of an engine: ``infer`` answers its requests, with an id where there are
    ``stamps``."""

    def __init__(self, engine: Engine, hosted: Hosted, inputs: Resolves | None = None) -> None:
        self.hosted = hosted
        self.stamps: Stamps | None = None
        self._inputs = inputs
        self.statistics = hosted.statistics
        self._engine = engine
        self._forms = Forms(hosted)
        self._flights: dict[bytes, Flight] = {}

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run one request; InferenceError says what is wrong with it or with its run."""
        future: asyncio.Future[InferResponse] = asyncio.get_running_loop().create_future()
        asked = Asked(request, partial(_settle, future), self.statistics, self.stamps)
        try:
            if self._inputs is not None:
                asked.sent = await self._inputs.resolve(asked.sent)
            self._check(asked)
            if asked.form.strings > texts.HERE:
                await self._engine.apart(partial(_look_through, asked))
            elif asked.form.strings:
                _look_through(asked)
            if asked.size > HASH_HERE and (asked.stamps or self._is_cacheable(asked)):
                asked.key = await self._engine.apart(partial(self._key, asked))
        except InferenceError:
            self._count_failed(asked)
            raise
        try:
            self._begin(asked)
            return await future
        except asyncio.CancelledError:
            asked.leave()
            raise
        finally:
            # An error's traceback leads here, and they would lead back: a cycle, inputs and all.
            del asked, future

    def start(self, request: InferRequest, done: Done) -> Leave | None:
        """``infer`` without a task: ``done`` gets the response, or the InferenceError, perhaps
        before this returns. InferenceError where the request is wrong.

        Returns what is to be called where nobody waits for it any more; None where the request has
        to wait for something before it can be run, and nothing has been done.
        """
        if self._inputs is not None:
            return None
        asked = Asked(request, done, self.statistics, self.stamps)
        try:
            self._check(asked)
            if asked.form.strings > texts.HERE:
                return None
            if asked.form.strings:
                _look_through(asked)
        except InferenceError:
            self._count_failed(asked)
            raise
        if asked.size > HASH_HERE:
            return None
        self._begin(asked)
        return asked.leave

    def _count_failed(self, asked: Asked) -> None:
        self.statistics.failed.add(perf_counter() - asked.began)

    def _check(self, asked: Asked) -> None:
        request = asked.request
        asked.form, asked.inputs = self._forms.find(request.signature, asked.sent)
        asked.wanted = check_outputs(asked.form.signature, request.outputs)
        asked.size = sum([array.nbytes for array in asked.inputs])
        if request.timeout is not None and request.timeout <= perf_counter() - asked.began:
            raise InferenceError(Code.DEADLINE_EXCEEDED, "the request's time was over on arrival")

    def _is_cacheable(self, asked: Asked) -> bool:
        cache = self._engine.cache
        return cache.on and asked.request.stored and asked.form.signature.deterministic

    def _key(self, asked: Asked) -> bytes:
        return key_of(asked.form.scope, self._engine.cache.epoch, asked.inputs)

    def _begin(self, asked: Asked) -> None:
        """Answer from the cache, or wait for a run: a new one, or one that is under way."""
        flight = key = None
        if self._is_cacheable(asked):
            key = asked.key = asked.key or self._key(asked)
            found = self._engine.cache.get(key)
            if found is not None:
                asked.cache = "hit"
                self.statistics.hits.count += 1
                self._engine.dispatcher.needs_no_run(asked.form.kind, asked.form.rows or 1)
                asked.take(found)
                return
            asked.cache = "miss"
            self.statistics.misses.count += 1
            flight = self._flights.get(key)
            if flight is not None:
                self._engine.dispatcher.needs_no_run(asked.form.kind, asked.form.rows or 1)
        elif asked.stamps is not None:
            asked.key = asked.key or self._key(asked)
        flight = flight or self._take_off(asked, key)
        flight.join(asked, asked.time_left)

    def _take_off(self, asked: Asked, key: bytes | None) -> Flight:
        """Put a job in line; with a key, others may join it, and its result is kept."""
        request, form, dispatcher = asked.request, asked.form, self._engine.dispatcher
        flight = Flight(self, key, self._engine.cache.epoch)
        job = flight.job = Job(
            *(self.hosted, request.signature, asked.inputs, form.rows or 1, form.kind),
            *(form.rows > 0, dispatcher.costs.of(form.kind), flight.land, request.priority),
            lone=request.lone,
        )
        if key is not None:
            self._flights[key] = flight
        dispatcher.submit(job)
        return flight

    def landed(self, flight: Flight, result: Result) -> None:
        """Keep what has come of it."""
        if flight.key is not None:
            self._flights.pop(flight.key, None)
            if not isinstance(result, InferenceError):
                self._engine.cache.put(flight.key, result, flight.epoch)

    def given_up(self, flight: Flight) -> None:
        """Nobody waits for it any more."""
        if flight.key is not None:
            self._flights.pop(flight.key, None)
        self._engine.dispatcher.abandon(flight.job)


def _look_through(asked: Asked) -> None:
    """What the strings hold, and how much that is; InferenceError where they are none."""
    check_strings(asked.form.signature, asked.inputs)
    asked.size = sum(map(size_of, asked.inputs))


def _settle(future: asyncio.Future[InferResponse], result: InferResponse | InferenceError) -> None:
    if future.done():  # it was cancelled, and has not noticed yet
        return
    if isinstance(result, InferenceError):
        future.set_exception(result)
    else:
        future.set_result(result)
