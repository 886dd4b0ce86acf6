"""The load, from one process of its own on the machine's last core: its work is not the server's.

The loop that sends and counts is that of `frazil bench`.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt
import uvloop

from bench.engine.requests import KINDS
from frazil_runtime.client.connection import Asker
from frazil_runtime.client.load import Load, Plan
from frazil_runtime.client.remote import Server

Array = npt.NDArray[Any]

PATIENCE: Final = 60.0  # seconds beyond its own, after which a load is given up
PAUSE: Final = 0.1  # seconds from the load's last answer to the lone request
_STEP: Final = 2**18  # from one stream's first number to the next's: more than any sends


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one kind; ``rate`` a second at random instants, or a closed loop."""

    kind: str
    connections: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of a stream, request by request; times in seconds, ``done`` from its begin."""

    done: Array
    latency: Array
    status: Array
    missed: int  # not sent, or not answered in the end


@dataclass(frozen=True, slots=True)
class Outcome:
    """One flow for each stream; ``busy`` is the generator's share of its core.

    ``lone`` is the latency of a request that was sent alone, PAUSE after the last answer; NaN where
    it was not answered well.
    """

    flows: tuple[Flow, ...]
    busy: float
    lone: float


class Generator:
    """The process. One load at a time."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, initializer=_pin)
        self._seeds = itertools.count(_STEP, _STEP)

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, url: str, *streams: Stream) -> Outcome:
        """All streams at once, to their end."""
        longest = max(stream.seconds for stream in streams)
        seeded = [(stream, next(self._seeds)) for stream in streams]
        return self._pool.submit(_run, url, seeded).result(timeout=longest + PATIENCE)


def _pin() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _run(url: str, streams: Sequence[tuple[Stream, int]]) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(Server(url), streams))


async def _drive(server: Server, streams: Sequence[tuple[Stream, int]]) -> Outcome:
    loads = [Load(_plan(server, *seeded, at)) for at, seeded in enumerate(streams)]
    cpu = time.process_time()
    await asyncio.gather(*(load.run() for load in loads))
    busy = (time.process_time() - cpu) / max(stream.seconds for stream, _ in streams)
    flows = tuple(
        Flow(*load.samples.since(0), missed=load.unsent + load.unanswered) for load in loads
    )
    return Outcome(flows, busy, await _lone(server, *streams[0]))


def _plan(server: Server, stream: Stream, seed: int, arrivals: int) -> Plan:
    """Bodies are new in each load; the instants are those of every load of its rate."""
    requests = KINDS[stream.kind](seed)
    return Plan(server, requests, stream.connections, stream.seconds, stream.rate, arrivals)


async def _lone(server: Server, stream: Stream, seed: int) -> float:
    request = next(KINDS[stream.kind](seed + _STEP - 1))
    await asyncio.sleep(PAUSE)
    asker, began = Asker(server), time.perf_counter()
    status = await asker.ask(request)
    asker.close()
    return time.perf_counter() - began if status == 200 else math.nan
