"""Whether a server that is asked everything grows: its memory, every so many requests.

`python -m` sends 200,000 requests of mixed sizes, wrong ones and cancelled ones among them, with 50
changes of the policy and 1,000 random choices of outputs in between, and compares the memory after
the last quarter with that before it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import orjson
import uvloop

from bench.engine.models import HEADS, artifact
from bench.engine.process import HOST, Process, frazil
from bench.engine.requests import body_of_rows, image, post, small
from frazil_runtime.client.connection import Asker
from frazil_runtime.client.remote import Server
from frazil_runtime.contract import MIB, TIMEOUT_HEADER, Policy

MODELS: Final = ("small", "image", "heads")
CONNECTIONS: Final = 16
EVERY_CHOICE, EVERY_POLICY, EVERY_LOOK = 200, 4000, 10_000  # requests
CANCELLED: Final = -1  # in place of a status
_HEADS: Final = "/v2/models/heads/infer"

Make = Callable[[], bytes]


def requests(seed: int) -> Iterator[bytes]:
    """PURE. What is sent, drawn at random: good ones, wrong ones, and one that cannot wait."""
    kinds = _kinds(seed)
    weights = np.array([weight for weight, _ in kinds], float)
    draw = np.random.default_rng(seed)
    while True:
        for at in draw.choice(len(kinds), 4096, p=weights / weights.sum()).tolist():
            yield kinds[at][1]()


def _kinds(seed: int) -> Sequence[tuple[int, Make]]:
    """Each with its weight."""
    predict, heads, images = "/v1/models/small:predict", "/v1/models/heads:predict", image(1, seed)
    row, timeout = body_of_rows("small", 1), f"{TIMEOUT_HEADER}: 1"
    truncated = next(images).replace(b"[1,96", b"[2,96")
    wrong = (
        post(predict, b"{"),
        post(predict, b'{"instances":[[1,2,3]]}'),
        post(predict, b'{"instances":[["a"]]}'),
        post(predict, b'{"instances":[[' + b"1e99," * 783 + b"1]]}"),
        post("/v1/models/none:predict", row),
        post(_HEADS, _choice(["none"])),
        truncated,
    )
    return (
        *((weight, small(rows, seed).__next__) for weight, rows in ((400, 1), (150, 4), (50, 32))),
        (20, images.__next__),
        (2, image(8, seed).__next__),
        (50, lambda: post(heads, body_of_rows("heads", 2))),
        (100, lambda: post(predict, row)),
        (20, lambda: post(predict, row, timeout)),
        *((20, lambda text=text: text) for text in wrong),
    )


def choices(seed: int) -> Iterator[bytes]:
    """PURE. Requests for random outputs of `heads`, at least one."""
    draw = np.random.default_rng(seed)
    while True:
        names = draw.permutation(HEADS)[: draw.integers(1, HEADS + 1)]
        yield post(_HEADS, _choice([f"head{name}" for name in names]))


def policy(number: int) -> Policy:
    """PURE. The nth policy: each changes something, and sometimes the cache is told to forget."""
    return replace(
        Policy(number=number, epoch=number // 3),
        order="Fifo" if number % 2 else "SmallestFirst",
        output_cache_mode="Off" if number % 5 == 4 else "Always",
        output_cache_bytes=(4 + number % 3) * MIB,
        aging_seconds=1.0 + number % 4,
    )


def _choice(outputs: Sequence[str]) -> bytes:
    (values,) = orjson.loads(body_of_rows("heads", 1))["instances"]
    sent = {"name": "x", "shape": [1, len(values)], "datatype": "FP32", "data": values}
    return orjson.dumps({"inputs": [sent], "outputs": [{"name": name} for name in outputs]})


class Leak:
    """The load; ``looks`` is the memory (VmRSS, bytes) by the number of requests before."""

    def __init__(self, process: Process, total: int) -> None:
        self.looks: dict[int, int] = {}
        self.statuses: Counter[int] = Counter()
        self._process = process
        self._numbers = iter(range(1, total + 1))
        self._requests, self._choices = requests(seed=1), choices(seed=2)
        self._cancel = np.random.default_rng(3)

    async def run(self) -> None:
        """Until all is sent."""
        await asyncio.gather(*(self._work() for _ in range(CONNECTIONS)))

    async def _work(self) -> None:
        asker = Asker(Server(self._process.url))
        for number in self._numbers:
            request = next(self._requests if number % EVERY_CHOICE else self._choices)
            if self._cancel.random() < 0.05:
                self.statuses[CANCELLED] += 1
                await self._and_go(request)
            else:
                self.statuses[await asker.ask(request)] += 1
            if number % EVERY_POLICY == 0:
                await asyncio.to_thread(self._process.change, policy(number // EVERY_POLICY))
            if number % EVERY_LOOK == 0:
                self._look(number)
        asker.close()

    async def _and_go(self, request: bytes) -> None:
        """Send it, whole or half, and be gone."""
        _, writer = await asyncio.open_connection(HOST, self._process.port)
        writer.write(request[: len(request) // int(self._cancel.integers(1, 3))])
        await asyncio.sleep(0.001 * self._cancel.random())
        writer.transport.abort()

    def _look(self, number: int) -> None:
        self.looks[number] = self._process.memory("VmRSS")
        private = self._process.memory("RssAnon")
        print(
            f"{number:7,} requests  RSS {self.looks[number] / 1e6:.1f} MB, "
            f"private {private / 1e6:.1f} MB",
            flush=True,
        )


def measure(total: int) -> float:
    """How much the memory grew during the last quarter, as a share of what it was."""
    places = [f"{name}={artifact(name)}" for name in MODELS]
    with frazil(places, Policy(), changes=True) as process:
        process.wait_for("/v2/health/ready")
        leak = Leak(process, total)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(leak.run())
    told = ", ".join(f"{count:,} × {status}" for status, count in sorted(leak.statuses.items()))
    print(f"answers: {told} ({CANCELLED}: cancelled)")
    before, after = leak.looks[total * 3 // 4], leak.looks[total]
    return after / before - 1


def main() -> int:
    """Print the memory as it goes, and what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="a multiple of 40,000")
    total = parser.parse_args().requests
    growth = measure(total)
    print(f"RSS grew by {growth:+.2%} in the last {total // 4:,} of {total:,} requests; bar 2 %")
    return int(growth > 0.02)


if __name__ == "__main__":
    sys.exit(main())
