"""Wires everything; the only module that knows all."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import cast

import kopf

from frazil_operator import handlers, metrics
from frazil_operator.accounts import StoreAccounts
from frazil_operator.autoscale.loop import Autoscaler
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import scraping
from frazil_operator.cluster import AfterWrite, connect
from frazil_operator.health import endpoint, staleness
from frazil_operator.isolation import Isolation
from frazil_operator.keeper import Keeper
from frazil_operator.keys import ModelKeys
from frazil_operator.lease import Lease
from frazil_operator.push import Pusher
from frazil_operator.reconcile import Planner, Reconciler
from frazil_operator.reflector import Reflector
from frazil_operator.resources import NETWORKPOLICIES, PODS, WATCHED
from frazil_operator.settings import Settings
from frazil_operator.store import Store
from frazil_operator.workqueue import WorkQueue

Stop = Callable[[], object]


async def run(settings: Settings, plan: Planner) -> None:
    """Be the operator until SIGTERM or SIGINT; what fails for good ends the process."""
    stop = cast("asyncio.Task[None]", asyncio.current_task()).cancel
    end_on_signals(stop)
    write, seconds = after_write(settings.fault_after_writes), settings.relist_seconds
    async with connect(write, kubeconfig()) as cluster, scraping() as scraper:
        store, queue, pods = Store(), WorkQueue(), Pods()
        isolation = Isolation(store)
        keeper = Keeper(store, pods, scraper, queue.add)
        autoscaler = Autoscaler(store, pods, scraper, queue.add, keeper.expects_loss)
        reflectors = [
            *(Reflector(kind, cluster, store, queue.add, seconds=seconds) for kind in WATCHED),
            Reflector(PODS, cluster, pods, autoscaler.pods_changed, seconds=seconds),
            Reflector(NETWORKPOLICIES, cluster, isolation, queue.add, seconds=seconds),
        ]
        pusher = Pusher(store, pods, scraper, settings.root_key)
        accounts, scaling = StoreAccounts.of(settings, cluster), autoscaler.scaling
        keys = ModelKeys.of(settings, cluster)
        reconciler = Reconciler(
            *(store, cluster, plan, settings),
            accounts=accounts,
            keys=keys,
            scaling=scaling,
            measured=keeper.measured,
            isolated=isolation.isolated,
        )
        registry = handlers.registry(store, queue.add)
        lease = Lease(cluster, settings.namespace, settings.identity)
        async with (
            endpoint(settings.port, staleness(reflectors, seconds)),
            lease.held(),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(lease.keep())
            for reflector in reflectors:
                group.create_task(reflector.run())
            for reflector in reflectors:
                await reflector.synced.wait()  # half a store would lead to wrong plans
            group.create_task(queue.run(reconciler))
            group.create_task(autoscaler.run())
            group.create_task(keeper.run())
            if settings.root_key:
                group.create_task(pusher.run())
            group.create_task(watch_models(registry, stop))


async def watch_models(registry: kopf.OperatorRegistry, stop: Stop) -> None:
    """Run kopf; it never ends but by an error, or with us.

    Not with ``kopf.run_tasks``: when that ends, it cancels every task of the event loop that it
    does not know and waits for it, a probe's open connection included.
    """
    tasks = await kopf.spawn_tasks(
        registry=registry, settings=handlers.settings(), standalone=True, clusterwide=True
    )
    end_on_signals(stop)  # kopf has just put its own handlers in their place
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*ended)
        raise RuntimeError("kopf has ended")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def end_on_signals(stop: Stop) -> None:
    """Have SIGTERM and SIGINT stop the operator; the first process of a container, which it is,
    would not even notice them otherwise."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def after_write(fault: int) -> AfterWrite:
    """Count each write to the API server; after number ``fault``, die as if by power failure."""
    count = 0

    def written(kind: str, verb: str) -> None:
        nonlocal count
        count += 1
        metrics.WRITES.labels(kind=kind, verb=verb).inc()
        if count == fault:
            os.kill(os.getpid(), signal.SIGKILL)

    return written


def kubeconfig() -> Path | None:
    """The user's kubeconfig; None inside a pod, which has none."""
    path = Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser()
    return path if path.exists() else None
