"""Runs scenarios: one server at a time, each repeat with fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import orjson

from bench.cluster import ROOT
from bench.engine import process
from bench.engine.figures import NAN, Cell, Repeat, Spent, cell
from bench.engine.generator import Generator, Stream
from bench.engine.models import artifact
from bench.engine.process import Process, machine_cpu
from bench.engine.requests import body_of_rows
from bench.engine.scenarios import BARE, POLICIES, SERVERS, Scenario

MODELS = ("small", "image")
CORES = os.cpu_count() or 1


def repeats(
    scenarios: Sequence[Scenario], count: int, seconds: float, generator: Generator
) -> Iterator[Repeat]:
    """Each repeat as it ends; after the first server, the others' order changes."""
    for number in range(count):
        others = SERVERS[1:]
        turn = number % len(others)
        cells: dict[tuple[str, str], Cell] = {}
        for server in (SERVERS[0], *others[turn:], *others[:turn]):
            for model in MODELS:
                mine = [s for s in scenarios if s.model == model and server in s.servers]
                _on_one(mine, server, number, seconds, generator, cells)
        floors = {model: _floor(model, seconds / 4) for model in MODELS}
        yield Repeat(cells, floors)


def _on_one(
    scenarios: Sequence[Scenario],
    server: str,
    repeat: int,
    seconds: float,
    generator: Generator,
    cells: dict[tuple[str, str], Cell],
) -> None:
    """All scenarios that are of one model, on one process; adds to ``cells``."""
    if not scenarios:
        return
    model = scenarios[0].model
    with _started(server, model) as running:
        running.wait_for(f"/v1/models/{model}:predict", body_of_rows(model, 1))
        for scenario in scenarios:
            base = cells.get((scenario.of, SERVERS[0]))
            rate = base.rate * scenario.factor if base else None
            names = (scenario.name, server, repeat)
            found = _measured(scenario, names, rate, seconds, running, generator)
            cells[scenario.name, server] = found
            print(
                f"[{repeat}] {scenario.name}, {server}: {found.rate:,.0f}/s, {found.cpu:,.0f} µs",
                file=sys.stderr,
            )


def _started(server: str, model: str) -> AbstractContextManager[Process]:
    if server == BARE:
        return process.bare(model, artifact(model))
    return process.frazil([f"{model}={artifact(model)}"], POLICIES[server])


def _measured(
    scenario: Scenario,
    names: tuple[str, str, int],
    rate: float | None,
    seconds: float,
    running: Process,
    generator: Generator,
) -> Cell:
    long = seconds * scenario.length
    streams = [
        Stream(kind, scenario.connections, long, rate and rate * share)
        for kind, share in zip(scenario.kinds, scenario.shares, strict=True)
    ]
    warming = (scenario.connections, seconds * scenario.warm_up)
    if rate is None:
        generator.run(running.url, *(Stream(kind, *warming) for kind in scenario.kinds))
    server, machine, queue = running.cpu, machine_cpu(), _queue(running, scenario.model)
    outcome = generator.run(running.url, *streams)
    spent = Spent(running.cpu - server, machine_cpu() - machine)
    count, waited = (
        after - before
        for after, before in zip(_queue(running, scenario.model), queue, strict=True)
    )
    return cell(names, outcome, long, spent, waited / count if count else NAN, CORES)


def _queue(running: Process, model: str) -> tuple[int, float]:
    """How many requests have waited, and how many seconds together; `bare` has no queue."""
    status, document = running.ask("GET", f"/v2/models/{model}/stats") if running.admin else (0, {})
    if status != 200:
        return 0, 0.0
    queue = document["model_stats"][0]["inference_stats"]["queue"]
    return queue["count"], queue["ns"] / 1e9


def _floor(model: str, seconds: float) -> float:
    """The least CPU of a row, microseconds."""
    command = ["bench.engine.floor", model, str(artifact(model)), str(seconds)]
    text = subprocess.check_output([sys.executable, "-m", *command], cwd=ROOT)
    found: list[dict[str, Any]] = orjson.loads(text)
    return min(float(one["cpu"]) for one in found)
