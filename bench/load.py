"""Constant load on one model: every answer is written down, none is ever asked for twice.

    python -m bench.load http://HOST/v1/models/digits:predict rows.npy answers.jsonl

Runs until SIGTERM or ``--seconds``, and prints a line once every connection was answered: from
there on the load is whole. One thread a connection and plain clients (the standard library's for
HTTP, grpcio's for gRPC), so that what it records is what a plain client sees: when its connection
was opened, what it was answered, by which revision.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np

from bench.answer import Answer
from bench.grpc_client import GrpcClient
from bench.http_client import HttpClient

MODES = ("new", "keepalive", "grpc")


class Client(Protocol):
    """One thread's way to the model."""

    def ask(self, row: int) -> Answer:
        """Send one request and wait for its answer; what goes wrong is in the answer."""

    def close(self) -> None:
        """End the connection, if there is one."""


def run(client: Client, rows: int, interval: float, offset: float, log: Log) -> None:
    """Ask once every ``interval`` seconds until told to stop; a slow answer delays, never drops."""
    count = 0
    due = time.monotonic() + offset
    while not log.stopped.wait(max(0.0, due - time.monotonic())):
        log.write(client.ask(count % rows))
        if count == 0:
            log.begin()
        count += 1
        due = max(due + interval, time.monotonic() - interval)
    client.close()


class Log:
    """The answers, one JSON line each, and the word to stop."""

    def __init__(self, file: TextIO, clients: int) -> None:
        self.stopped = threading.Event()
        self._unanswered = clients
        self._file = file
        self._lock = threading.Lock()

    def write(self, answer: Answer) -> None:
        """Write one line; many threads call this."""
        line = json.dumps(asdict(answer))
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def begin(self) -> None:
        """One client has its first answer; with the last one's the load is whole, and says so."""
        with self._lock:
            self._unanswered -= 1
            if self._unanswered == 0:
                print("begun", flush=True)


@contextmanager
def background() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that a thread of its own runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main() -> int:
    """Run the load that the command line describes."""
    options = _options()
    rows = np.load(options.rows)
    interval = options.threads / options.rate

    def client(mode: str) -> Client:
        if mode == "grpc":
            return GrpcClient(options.url, rows, loop)
        return HttpClient(options.url, rows, mode)

    with Path(options.answers).open("w", encoding="utf-8") as file, background() as loop:
        log = Log(file, options.threads * len(options.mode))
        signal.signal(signal.SIGTERM, lambda *_: log.stopped.set())
        threads = [
            threading.Thread(
                target=run, args=(client(mode), len(rows), interval, i / options.rate, log)
            )
            for mode in options.mode
            for i in range(options.threads)
        ]
        for thread in threads:
            thread.start()
        log.stopped.wait(options.seconds)
        log.stopped.set()
        for thread in threads:
            thread.join()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("rows", help="an .npy of one input row each")
    parser.add_argument("answers", help="where the answers go, JSON lines")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second and mode")
    parser.add_argument("--threads", type=int, default=4, help="connections of each mode")
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    options.mode = options.mode or MODES
    return options


if __name__ == "__main__":
    sys.exit(main())
