"""Constant load on one model: every answer is written down, none is ever asked for twice.

    python bench/load.py http://HOST/v1/models/digits:predict rows.npy answers.jsonl

Runs until SIGTERM or ``--seconds``, and prints a line once every connection was answered: from
there on the load is whole. Standard library and numpy alone, one thread a connection, so
that what it records is what a plain client sees: when its connection was opened, what it was
answered, by which revision.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import numpy as np

TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class Answer:
    """One request and what became of it; times are seconds since the epoch.

    ``status`` is 0 and ``error`` says why where no answer came.
    """

    mode: str  # new | keepalive
    row: int
    opened: float  # when the connection it went over was opened
    sent: float
    done: float = 0.0
    status: int = 0
    revision: str = ""
    outputs: list[float] = field(default_factory=list)
    error: str = ""


class Client:
    """One thread's connection to the model: new for each request, or kept while the server lets."""

    def __init__(self, url: str, mode: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._mode = mode
        self._connection: http.client.HTTPConnection | None = None
        self._opened = 0.0

    def ask(self, row: int, body: bytes) -> Answer:
        """Send one request and wait for its answer; what goes wrong is in the answer."""
        answer = Answer(self._mode, row, opened=0.0, sent=time.time())
        try:
            connection = self._connect()
            answer.opened = self._opened
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            answer.status = response.status
            answer.revision = response.getheader("X-Frazil-Revision", "")
            if response.status == 200:
                answer.outputs = json.loads(text)["predictions"][0]
            else:
                answer.error = text.decode(errors="replace")[:200]
            if self._mode == "new" or response.will_close:
                self._close()
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            answer.error = f"{type(error).__name__}: {error}"
            self._close()
        answer.done = time.time()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._opened = time.time()
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=TIMEOUT_SECONDS
            )
            self._connection.connect()
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def run(client: Client, bodies: list[bytes], interval: float, offset: float, log: Log) -> None:
    """Ask once every ``interval`` seconds until told to stop; a slow answer delays, never drops."""
    count = 0
    due = time.monotonic() + offset
    while not log.stopped.wait(max(0.0, due - time.monotonic())):
        row = count % len(bodies)
        log.write(client.ask(row, bodies[row]))
        if count == 0:
            log.begin()
        count += 1
        due = max(due + interval, time.monotonic() - interval)


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


def main() -> int:
    """Run the load that the command line describes."""
    options = _options()
    rows = np.load(options.rows)
    bodies = [json.dumps({"instances": [row.tolist()]}).encode() for row in rows]
    interval = options.threads / options.rate
    with Path(options.answers).open("w", encoding="utf-8") as file:
        log = Log(file, options.threads * len(options.mode))
        signal.signal(signal.SIGTERM, lambda *_: log.stopped.set())
        threads = [
            threading.Thread(
                target=run,
                args=(Client(options.url, mode), bodies, interval, i / options.rate, log),
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
    parser.add_argument("--mode", action="append", choices=["new", "keepalive"])
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second and mode")
    parser.add_argument("--threads", type=int, default=4, help="connections of each mode")
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    options.mode = options.mode or ["new", "keepalive"]
    return options


if __name__ == "__main__":
    sys.exit(main())
