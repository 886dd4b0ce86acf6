"""Wires the rooms of `frazil serve`: load, warm up, be ready, drain, stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop

from frazil_runtime import cgroup, contract, takers, warmup
from frazil_runtime.accuracy import keys
from frazil_runtime.accuracy.collector import AccuracyCollector
from frazil_runtime.accuracy.ledger import Ledger
from frazil_runtime.artifacts import open_artifact
from frazil_runtime.budgets import Budgets
from frazil_runtime.capi.library import keep_memory
from frazil_runtime.contract import Policy
from frazil_runtime.costs import Kind
from frazil_runtime.engine import Engine, ModelEngine
from frazil_runtime.engine_metrics import EngineCollector
from frazil_runtime.errors import ArtifactError
from frazil_runtime.inputs import Inputs, open_inputs
from frazil_runtime.lifecycle import Lifecycle, ModelInfo, State
from frazil_runtime.listeners import Listeners, address
from frazil_runtime.load import LoadReader
from frazil_runtime.logs import log, process_age
from frazil_runtime.manifest import Manifest
from frazil_runtime.metrics import Metrics
from frazil_runtime.models import Models, Served
from frazil_runtime.policies import Policies, watch_file
from frazil_runtime.request_signatures import as_requested
from frazil_runtime.requests import Array
from frazil_runtime.session import Session
from frazil_runtime.settings import Settings
from frazil_runtime.transport.admin import AdminApp
from frazil_runtime.transport.grpc import serving_grpc
from frazil_runtime.transport.http import HttpApp
from frazil_runtime.transport.server import serving
from frazil_runtime.uris import Allowed
from frazil_runtime.warming import warm_up

# Each return from C to Python waits up to this long (seconds) while another thread computes: at
# the default of 5 ms, decoding one request delays the runs of all others by milliseconds.
SWITCH_INTERVAL: Final = 0.0005

_GARBAGE_EVERY: Final = 10_000  # containers more than before

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model's artifact on this disk: ``samples`` are inputs to warm each signature up with."""

    model: ModelInfo
    manifest: Manifest
    directory: Path
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
    a model cannot be served at all.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listeners))
    log.info("stopped")


def load(name: str, artifact: str, settings: Settings, environ: Mapping[str, str]) -> Loaded:
    """Fetch an artifact and read what it says. Blocks, for as long as the fetch takes."""
    directory = open_artifact(artifact, environ, settings.cache_dir)
    try:
        manifest = Manifest.from_json((directory / contract.MANIFEST).read_bytes())
        samples = warmup.load((directory / contract.WARMUP).read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"the artifact {directory} cannot be read: {error}") from error
    model = ModelInfo(
        name=name,
        version=settings.version,
        revision=settings.revision or manifest.digest.removeprefix("sha256-")[:10],
        manifest=as_requested(manifest),
        artifact=manifest.digest,
    )
    return Loaded(model, manifest, directory, samples)


def host(
    engine: Engine, loaded: Loaded, inputs: Inputs | None = None
) -> tuple[ModelEngine, dict[Kind, dict[int, float]]]:
    """Make the model's session and run it once at every size; how long each run takes."""
    make = partial(Session, loaded.directory, loaded.manifest)
    model = engine.host(loaded.model.name, loaded.manifest, make, inputs)
    return model, warm_up(model.hosted, loaded.samples, engine.sizes)


async def _serve(settings: Settings, listeners: Listeners) -> None:
    signals, lifecycle, metrics = Signals(), Lifecycle(), Metrics()
    slots = cgroup.slots(cgroup.cpu_quota(), settings.cpu_request, len(os.sched_getaffinity(0)))
    async with AsyncExitStack() as rooms:
        engine = Engine(slots, settings.batching, settings.policy)
        budgets = Budgets(engine.follow, settings.policy)
        policies = Policies(settings.policy, budgets.follow)
        admin = AdminApp(lifecycle, metrics, LoadReader(engine), policies, settings.token_file)
        if settings.policy_file is not None:
            watching = asyncio.create_task(watch_file(settings.policy_file, policies))
            rooms.callback(watching.cancel)
        await rooms.enter_async_context(serving(admin, listeners.admin))
        log.info("probes and metrics on %s", address(listeners.admin))
        rooms.callback(engine.close)
        models, ledgers = {}, []
        for name in settings.models:
            hosting = _host(engine, settings, policies, lifecycle, rooms, name=name)
            models[name], ledger = await _unless_stopped(hosting, signals)
            metrics.serves(models[name].info)
            admin.tallies[name] = ledger.tally
            ledgers.append(ledger)
        engine.warmed()
        budgets.input_caches = engine.input_caches
        budgets.settle(cgroup.memory_left())
        collectors = EngineCollector(engine, budgets), AccuracyCollector(ledgers)
        metrics.watch(lambda: lifecycle.ready, *collectors)
        app = HttpApp(models, metrics, lifecycle, admission=engine.door)
        rooms.callback(app.close)
        policies.add(app.follow)
        await rooms.enter_async_context(serving(app, listeners.http))
        log.info("listening on %s", address(listeners.http))
        grpc_address = f"{settings.host}:{settings.grpc_port}"
        port = await rooms.enter_async_context(
            serving_grpc(
                *(models, metrics, lifecycle, grpc_address),
                admission=engine.door,
                max_message_bytes=lambda: policies.policy.max_request_bytes,
                hurry=signals.hurry,
            )
        )
        log.info("gRPC on %s:%d", settings.host, port)
        _settle_memory()
        lifecycle.enter(State.READY)
        _announce(metrics, models)
        await signals.stop.wait()
        await _drain(lifecycle, settings.drain_seconds, signals)
        engine.dispatcher.meter.wake()
        log.info("finishing %d requests", engine.dispatcher.in_flight)


def _inputs(engine: Engine, loaded: Loaded, settings: Settings) -> Inputs | None:
    """What prepares images and fetches URIs; None for a model whose inputs are all numbers."""
    allow = {
        name: Allowed.parse(prefixes)
        for name, prefixes in settings.allow.get(loaded.model.name, {}).items()
    }
    if not (takers.takers(loaded.manifest) or allow):
        return None
    return open_inputs(
        *(loaded.directory, loaded.manifest, allow, os.environ),
        cache_bytes=engine.policy.input_cache_bytes,
        threads=engine.slots,
    )


async def _host(
    engine: Engine,
    settings: Settings,
    policies: Policies,
    lifecycle: Lifecycle,
    rooms: AsyncExitStack,
    *,
    name: str,
) -> tuple[Served, Ledger]:
    artifact = settings.models[name]
    loaded = await asyncio.to_thread(load, name, artifact, settings, os.environ)
    lifecycle.enter(State.WARMING)
    inputs = _inputs(engine, loaded, settings)
    policies.add(partial(takers.warn, loaded.manifest))
    if inputs is not None:
        rooms.push_async_callback(inputs.close)
        policies.add(inputs.follow)
    model, seconds = await asyncio.to_thread(host, engine, loaded, inputs)
    ledger = Ledger(
        *(name, loaded.model.revision, partial(keys.read, settings.keys_dir)),
        settings.feedback_token_file,
    )
    policies.add(partial(_measure, model, ledger))
    for kind, by_rows in seconds.items():
        engine.dispatcher.costs.seed(kind, by_rows)
    return Served(loaded.model, model, model.statistics, ledger), ledger


def _measure(model: ModelEngine, ledger: Ledger, policy: Policy) -> None:
    """Where accuracy is measured, answers get ids; else nothing is done for them."""
    ledger.follow(policy)
    model.stamps = ledger if ledger.enabled else None


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


def _settle_memory() -> None:
    """Look for garbage in what is to come, and seldom: what has been loaded stays, and a request
    leaves nothing behind that counting references does not find. What it frees the next one uses.
    """
    keep_memory()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_EVERY)


def _announce(metrics: Metrics, models: Models) -> None:
    seconds = process_age()
    metrics.became_ready(seconds)
    for served in models.values():
        info = served.info
        log.info("ready in %.2f s: model %s revision %s", seconds, info.name, info.revision)
