"""The physical floor: the session in a loop, with nothing around it.

`python -m bench.engine.floor NAME ARTIFACT SECONDS` prints, as JSON, rows a second and CPU of a
row for each number of rows in a run and each number of threads that run at once.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np

from bench.engine.models import SHAPES
from frazil_runtime.contract import MANIFEST
from frazil_runtime.manifest import Manifest
from frazil_runtime.session import Session

SIZES: Final = (1, 2, 4, 8, 16, 32)


def measure(session: Session, values: np.ndarray, threads: int, seconds: float) -> dict[str, float]:
    """``rate`` in rows a second, ``cpu`` in microseconds a row."""
    counts = [0] * threads

    def work(at: int) -> None:
        while time.perf_counter() < end:
            session.run("serving_default", (values,))
            counts[at] += 1

    workers = [threading.Thread(target=work, args=(at,)) for at in range(threads)]
    cpu, begin = time.process_time(), time.perf_counter()
    end = begin + seconds
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = sum(counts) * len(values)
    return {
        "rate": rows / (time.perf_counter() - begin),
        "cpu": 1e6 * (time.process_time() - cpu) / rows,
    }


def main() -> None:
    """Print them all."""
    name, artifact, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    session = Session(artifact, Manifest.from_json((artifact / MANIFEST).read_bytes()))
    found = []
    for rows in SIZES:
        values = np.random.default_rng(0).random((rows, *SHAPES[name]), np.float32)
        session.run("serving_default", (values,))
        for threads in sorted({1, os.cpu_count() or 1}):
            figures = measure(session, values, threads, seconds)
            found.append({"rows": rows, "threads": threads} | figures)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
