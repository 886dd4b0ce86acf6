"""Runs scenarios: one server at a time, each repeat with fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bench.cluster import ROOT
from bench.engine import process
from bench.engine.figures import Cell, Repeat, Spent, cell
from bench.engine.generator import Generator, Stream
from bench.engine.models import artifact
from bench.engine.process import Process, machine_cpu
from bench.engine.requests import body_of_rows
from bench.engine.scenarios import BARE, POLICIES, SERVERS, Scenario

MODELS: Final = ("small", "image")
TRIES, QUIET = 2, 0.1  # share of the machine that others may use
_CORES: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Run:
    """``seconds`` are those of a closed loop."""

    generator: Generator
    seconds: float

    def repeat(self, scenarios: Sequence[Scenario], number: int) -> Repeat:
        """All of them once; after the first server, the others' order changes with ``number``."""
        others = SERVERS[1:]
        turn = number % len(others)
        cells: dict[tuple[str, str], Cell] = {}
        for server in (SERVERS[0], *others[turn:], *others[:turn]):
            for model in MODELS:
                mine = [s for s in scenarios if s.model == model and server in s.servers]
                if mine:
                    cells |= self._on_one(server, model, mine, cells)
        return Repeat(cells, {model: _floor(model, self.seconds / 4) for model in MODELS})

    def _on_one(
        self,
        server: str,
        model: str,
        scenarios: Sequence[Scenario],
        before: Mapping[tuple[str, str], Cell],
    ) -> dict[tuple[str, str], Cell]:
        """Some scenarios of one model, on one process."""
        cells = dict(before)
        with _started(server, model) as running:
            running.wait_for(f"/v1/models/{model}:predict", body_of_rows(model, 1))
            for scenario in scenarios:
                base = cells.get((scenario.of, SERVERS[0]))
                rate = base.rate * scenario.factor if base else None
                found = self._quietest(scenario, server, rate, running)
                cells[scenario.name, server] = found
                told = f"{scenario.name}, {server}: {found.rate:,.0f}/s, {found.cpu:,.0f} µs"
                print(told, file=sys.stderr, flush=True)
        return cells

    def _quietest(
        self, scenario: Scenario, server: str, rate: float | None, running: Process
    ) -> Cell:
        """Of some tries, as many as it takes for the machine to have little else to do."""
        tries: list[Cell] = []
        while len(tries) < TRIES and not (tries and tries[-1].others <= QUIET):
            tries.append(self._measured(scenario, server, rate, running))
        return min(tries, key=lambda found: found.others)

    def _measured(
        self, scenario: Scenario, server: str, rate: float | None, running: Process
    ) -> Cell:
        seconds = self.seconds * scenario.length
        streams = [
            Stream(kind, scenario.connections, seconds, rate and rate * share)
            for kind, share in zip(scenario.kinds, scenario.shares, strict=True)
        ]
        if rate is None:
            for kind in scenario.kinds:
                warming = Stream(kind, scenario.connections, self.seconds * scenario.warm_up)
                self.generator.run(running.url, warming)
        before = _spent(running, scenario.model)
        outcome = self.generator.run(running.url, *streams)
        spent = _spent(running, scenario.model) - before
        return cell(scenario.name, server, outcome, spent, seconds=seconds)


def _started(server: str, model: str) -> AbstractContextManager[Process]:
    if server == BARE:
        return process.bare(model, artifact(model))
    return process.frazil([f"{model}={artifact(model)}"], POLICIES[server])


def _spent(running: Process, model: str) -> Spent:
    """Up to now; `bare` has no queue."""
    count, waited = 0, 0.0
    if running.admin:
        _, document = running.ask("GET", f"/v2/models/{model}/stats")
        queue = document["model_stats"][0]["inference_stats"]["queue"]
        count, waited = queue["count"], queue["ns"] / 1e9
    return Spent(running.cpu, machine_cpu(), time.monotonic() * _CORES, count, waited)


def _floor(model: str, seconds: float) -> float:
    """The least CPU of a row, microseconds."""
    command = ["bench.engine.floor", model, str(artifact(model)), str(seconds)]
    paths = os.pathsep.join([str(ROOT / "runtime"), str(ROOT)])
    text = subprocess.check_output(
        [sys.executable, "-m", *command], env=os.environ | {"PYTHONPATH": paths}
    )
    found: list[dict[str, Any]] = orjson.loads(text)
    return min(float(one["cpu"]) for one in found)
