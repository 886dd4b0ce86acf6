"""The engine's own figures for Prometheus: read when asked for, so they cost no request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frazil_runtime.budgets import Budgets
from frazil_runtime.engine import Engine


class EngineCollector(Collector):
    """Queue, runs and caches, as they are at a scrape."""

    def __init__(self, engine: Engine, budgets: Budgets) -> None:
        self._engine = engine
        self._budgets = budgets

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        yield from self._queue()
        yield from self._models()
        yield from self._cache()
        yield from self._memory()

    def _queue(self) -> Iterator[Metric]:
        dispatcher = self._engine.dispatcher
        gauges = {
            "frazil_requests_in_flight": ("Taken and not yet answered", dispatcher.in_flight),
            "frazil_queue_depth": ("Requests that wait for a slot", len(dispatcher.scheduler)),
            "frazil_queue_seconds": ("Session time of all that waits", dispatcher.scheduler.work),
            "frazil_queue_bytes": (
                "Of requests received, waiting or running",
                self._engine.door.bytes,
            ),
            "frazil_slots": ("Runs at a time: the CPU quota in whole cores", self._engine.slots),
            "frazil_policy_number": ("The policy that holds", self._engine.policy.number),
        }
        for name, (documentation, value) in gauges.items():
            yield GaugeMetricFamily(name, documentation, value)
        yield CounterMetricFamily(
            "frazil_requests_refused", "Answered with 429", dispatcher.refused
        )

    def _models(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("frazil_runs", "Runs by their rows", labels=("model", "rows"))
        run_seconds = CounterMetricFamily(
            "frazil_run_seconds", "Session time of runs", labels=("model", "rows")
        )
        waits = CounterMetricFamily("frazil_queue_waits", "Requests that waited", labels=["model"])
        wait_seconds = CounterMetricFamily(
            "frazil_queue_wait_seconds", "How long they waited, together", labels=["model"]
        )
        for name, statistics in self._engine.statistics.items():
            waits.add_metric([name], statistics.queue.count)
            wait_seconds.add_metric([name], statistics.queue.seconds)
            for rows, compute in sorted(statistics.batches.items()):
                runs.add_metric([name, str(rows)], compute.infer.count)
                run_seconds.add_metric([name, str(rows)], compute.infer.seconds)
        yield from (runs, run_seconds, waits, wait_seconds)

    def _cache(self) -> Iterator[Metric]:
        cache = self._engine.cache
        yield GaugeMetricFamily("frazil_cache_on", "1 while outputs are cached", int(cache.on))
        yield GaugeMetricFamily("frazil_cache_epoch", "How often it was emptied", cache.epoch)
        yield GaugeMetricFamily("frazil_cache_bytes", "Of cached outputs", cache.entries.bytes)
        yield GaugeMetricFamily("frazil_cache_entries", "Cached outputs", len(cache.entries))
        counts = {
            "hits": cache.entries.hits,
            "misses": cache.entries.misses,
            "evictions": cache.entries.evictions,
        }
        for what, count in counts.items():
            yield CounterMetricFamily(f"frazil_cache_{what}", f"{what.title()} so far", count)

    def _memory(self) -> Iterator[Metric]:
        for name, documentation, policy in (
            ("frazil_memory_asked_bytes", "Memory in the policy", self._budgets.asked),
            ("frazil_memory_granted_bytes", "Of it what there is room for", self._budgets.granted),
        ):
            family = GaugeMetricFamily(name, documentation, labels=["of"])
            family.add_metric(["queue"], policy.max_bytes)
            family.add_metric(["input_cache"], policy.input_cache_bytes)
            family.add_metric(["output_cache"], policy.output_cache_bytes)
            yield family
