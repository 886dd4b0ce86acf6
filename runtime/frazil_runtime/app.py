"""Wires the rooms of `frazil serve`: load, warm up, be ready, drain, stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import uvloop

from frazil_runtime import cgroup, contract, warmup
from frazil_runtime.artifacts import open_artifact
from frazil_runtime.engine import Array, Engine, InferRequest
from frazil_runtime.errors import ArtifactError, InferenceError
from frazil_runtime.lifecycle import Lifecycle, ModelInfo, State
from frazil_runtime.listeners import Listeners, address
from frazil_runtime.logs import log, process_age
from frazil_runtime.manifest import Manifest
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Served
from frazil_runtime.session import Session
from frazil_runtime.settings import Settings
from frazil_runtime.transport.admin import AdminApp
from frazil_runtime.transport.http import HttpApp
from frazil_runtime.transport.server import serving

# Each return from C to Python waits up to this long (seconds) while another thread computes: at
# the default of 5 ms, decoding one request delays the runs of all others by milliseconds.
SWITCH_INTERVAL: Final = 0.0005

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the load leaves: the model, its session, and inputs to warm each signature up with."""

    model: ModelInfo
    session: Session
    samples: Mapping[str, Mapping[str, Array]]


class Signals:
    """SIGTERM and SIGINT: the first sets ``stop``, the second ``hurry``, a third ends it all."""

    def __init__(self) -> None:
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._arrived)

    def _arrived(self) -> None:
        if not self.stop.is_set():
            self.stop.set()
        elif not self.hurry.is_set():
            self.hurry.set()
        else:
            log.warning("gave up on what was in flight")
            os._exit(1)


def serve(settings: Settings, listeners: Listeners) -> None:
    """Serve until the first SIGTERM or SIGINT, then drain.

    A second signal ends the drain's wait, a third the process. ArtifactError and LibraryError where
    the model cannot be served at all.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listeners))
    log.info("stopped")


def load(settings: Settings, environ: Mapping[str, str]) -> Loaded:
    """Fetch the artifact and make its session. Blocks, for as long as the fetch takes."""
    directory = open_artifact(settings.artifact, environ, settings.cache_dir)
    try:
        manifest = Manifest.from_json((directory / contract.MANIFEST).read_bytes())
        samples = warmup.load((directory / contract.WARMUP).read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"the artifact {directory} cannot be read: {error}") from error
    model = ModelInfo(
        name=settings.name,
        version=settings.version,
        revision=settings.revision or manifest.digest.removeprefix("sha256-")[:10],
        manifest=manifest,
    )
    return Loaded(model, Session(directory, manifest), samples)


async def warm_up(engine: Engine, samples: Mapping[str, Mapping[str, Array]]) -> None:
    """Run every sample once: kernels are chosen and memory is laid out at a graph's first run.

    ArtifactError where a run fails, or where there is nothing to run: a process that has never run
    its model does not know that it can.
    """
    if not samples:
        raise ArtifactError(f"{contract.WARMUP} holds no samples: freeze the checkpoint again")
    for signature, inputs in samples.items():
        try:
            await engine.infer(InferRequest(signature, inputs))
        except InferenceError as error:
            raise ArtifactError(f'the warm-up of signature "{signature}" fails: {error}') from error


async def _serve(settings: Settings, listeners: Listeners) -> None:
    signals, lifecycle, metrics = Signals(), Lifecycle(), Metrics()
    async with AsyncExitStack() as rooms:
        await rooms.enter_async_context(serving(AdminApp(lifecycle, metrics), listeners.admin))
        log.info("probes and metrics on %s", address(listeners.admin))
        loaded = await _unless_stopped(asyncio.to_thread(load, settings, os.environ), signals)
        engine = Engine(loaded.model.manifest, loaded.session)
        rooms.callback(engine.close)
        rooms.callback(loaded.session.close)  # before it: a run that nobody waits for is ended
        lifecycle.enter(State.WARMING)
        await _unless_stopped(warm_up(engine, loaded.samples), signals)
        _describe(metrics, lifecycle, engine, loaded.model, settings)
        app = HttpApp({loaded.model.name: Served(loaded.model, engine)}, metrics, lifecycle)
        rooms.callback(app.close)
        await rooms.enter_async_context(serving(app, listeners.http))
        log.info("listening on %s", address(listeners.http))
        lifecycle.enter(State.READY)
        _announce(metrics, loaded.model)
        await signals.stop.wait()
        await _drain(lifecycle, settings.drain_seconds, signals)
        log.info("finishing %d requests", engine.in_flight)


async def _unless_stopped(work: Coroutine[Any, Any, T], signals: Signals) -> T:
    """The work's result; the process's end where a signal comes first."""
    task, stop = asyncio.create_task(work), asyncio.create_task(signals.stop.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not task.done():
        # Nothing has been accepted yet, and a thread that loads a model cannot be interrupted.
        log.info("stopped before it was ready")
        os._exit(0)
    return task.result()


async def _drain(lifecycle: Lifecycle, seconds: float, signals: Signals) -> None:
    """Fail readiness, and go on accepting until no endpoint list can name this process any more."""
    lifecycle.enter(State.DRAINING)
    log.info("draining for %g s", seconds)
    with suppress(TimeoutError):
        await asyncio.wait_for(signals.hurry.wait(), seconds)


def _describe(
    metrics: Metrics, lifecycle: Lifecycle, engine: Engine, model: ModelInfo, settings: Settings
) -> None:
    metrics.serves(model)
    metrics.watch(
        ready=lambda: lifecycle.ready,
        in_flight=lambda: engine.in_flight,
        slots=cgroup.slots(cgroup.cpu_quota(), settings.cpu_request, len(os.sched_getaffinity(0))),
    )


def _announce(metrics: Metrics, model: ModelInfo) -> None:
    seconds = process_age()
    metrics.became_ready(seconds)
    log.info("ready in %.2f s: model %s revision %s", seconds, model.name, model.revision)
