"""`frazil bench`: what a server bears, watched live, and drawn at the end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from itertools import cycle
from pathlib import Path

import uvloop
from rich.console import Console

from frazil_runtime.client import inputs, records
from frazil_runtime.client.commands import FAILED
from frazil_runtime.client.connection import post
from frazil_runtime.client.live import Shown, remarks, table, total
from frazil_runtime.client.load import Load, Plan, watched
from frazil_runtime.client.plot import draw
from frazil_runtime.client.remote import Server, ServerError, infer_path

_INTERVAL = 0.5  # seconds between two looks
_DRAWN = 16  # different requests, where none is given


def bench(arguments: argparse.Namespace) -> int:
    """Run the load to its end or to Ctrl-C; returns an Exit."""
    try:
        load = Load(_plan(arguments))
    except (ServerError, inputs.InputError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    console = Console()
    shown = Shown(console)
    try:
        with shown.live, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(watched(load, shown.look, _INTERVAL))
    except KeyboardInterrupt:
        console.print("Interrupted: this is what there was")
    busy = load.busy
    summary = total(load)
    console.print(table([(f"{load.seconds:.1f} s", summary)]))
    for remark in remarks(load, summary, busy):
        console.print(remark, highlight=False)
    return _drawn(load, arguments) if summary.good else FAILED


def _plan(arguments: argparse.Namespace) -> Plan:
    """Asks once before: what is wrong with the request is better said in words than counted."""
    server = Server(arguments.url)
    model = server.model(arguments.model)
    signature = server.signature(model, arguments.signature)
    if arguments.input:
        bodies = [inputs.read(arguments.input, signature, sys.stdin.buffer.read)]
    else:
        bodies = [inputs.generated(signature, arguments.rows, seed) for seed in range(_DRAWN)]
    server.infer(model, bodies[0], arguments.signature)
    texts = [records.request(body, arguments.signature) for body in bodies]
    path = infer_path(model)
    return Plan(
        server,
        cycle([post(server, path, text, cached=arguments.cached) for text in texts]),
        arguments.connections,
        arguments.seconds,
        arguments.rate,
    )


def _drawn(load: Load, arguments: argparse.Namespace) -> int:
    plan = load.plan
    how = f"open loop, {plan.rate:g} requests/s" if plan.rate else "closed loop"
    title = f"{plan.server.url}   {how}, {plan.connections} connections"
    try:
        draw(Path(arguments.output), title, *load.samples.since(0))
    except OSError as error:
        sys.stderr.write(f"{arguments.output} cannot be written: {error}\n")
        return FAILED
    sys.stdout.write(f"{arguments.output} shows it\n")
    return 0
