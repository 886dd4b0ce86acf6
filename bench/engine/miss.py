"""What a miss of the output cache costs beside the same request with the cache off.

`python -m` asks one server for one image after another, so many with the cache on, as many with it
off, and so on: a machine that becomes slower does so for both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Final

from bench.engine.models import artifact
from bench.engine.process import HOST, Process, frazil
from bench.engine.requests import image
from frazil_runtime.contract import CACHE_HEADER, Policy

BAR: Final = 1.03
BLOCK: Final = 50  # requests between two changes of the policy
MODES: Final = {"Always": "miss", "Off": "off"}  # and what answers say of the cache then


def cpu(process: Process) -> float:
    """Microseconds of CPU so far, of all threads that there are."""
    threads = Path(f"/proc/{process.child.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1000


def ask(process: Process, requests: Iterator[bytes], expected: str) -> None:
    """Send a block, one after the other, over one connection."""
    connection = HTTPConnection(HOST, process.port)
    connection.connect()
    for _ in range(BLOCK):
        connection.sock.sendall(next(requests))
        answer = HTTPResponse(connection.sock)
        answer.begin()
        answer.read()
        told = answer.status, answer.getheader(CACHE_HEADER)
        assert told == (200, expected), told
    connection.close()


def measure(process: Process, blocks: int) -> dict[str, list[float]]:
    """Microseconds of a request in each block, by the cache's mode; the first two warm up."""
    found: dict[str, list[float]] = {mode: [] for mode in MODES}
    requests = image(1, seed=1)
    for number in range(2 * blocks + 2):
        mode = list(MODES)[number % 2]
        process.change(Policy(number=number + 1, output_cache_mode=mode))
        before = cpu(process)
        ask(process, requests, MODES[mode])
        if number > 1:
            found[mode].append((cpu(process) - before) / BLOCK)
    return found


def main() -> int:
    """Print the medians of the blocks, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=100, help=f"of {BLOCK} requests, each way")
    blocks = parser.parse_args().blocks
    with frazil([f"image={artifact('image')}"], Policy(), changes=True) as process:
        process.wait_for("/v2/health/ready")
        found = measure(process, blocks)
    on, off = (statistics.median(found[mode]) for mode in MODES)
    print(f"server CPU of a miss {on:,.0f} µs, with the cache off {off:,.0f} µs: {on / off:.3f} ×")
    print(f"bar {BAR} ×")
    return int(on > BAR * off)


if __name__ == "__main__":
    sys.exit(main())
