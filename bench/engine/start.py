"""From a process's start to its first answer, and what it then holds: `python -m` prints it."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from bench.engine.models import artifact
from bench.engine.process import frazil
from bench.engine.requests import body_of_rows

BARS = {"image": "≤ 1.2 s, ≤ 200 MB", "small": "≤ 90 MB"}


def measure(name: str, place: Path) -> tuple[float, float]:
    """Seconds to the first answer over HTTP, and MB of private memory (RssAnon) after it."""
    with frazil([f"{name}={place}"]) as process:
        seconds = process.wait_for(f"/v1/models/{name}:predict", body_of_rows(name, 1))
        return seconds, process.memory("RssAnon") / 1e6


def main() -> None:
    """Print the median and the worst of some starts, the files in the page cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    for name, bar in BARS.items():
        place = artifact(name)
        measure(name, place)  # fills the page cache
        seconds, private = zip(*(measure(name, place) for _ in range(repeats)), strict=True)
        print(
            f"{name}: first answer after {statistics.median(seconds):.2f} s (at worst "
            f"{max(seconds):.2f} s), RssAnon {statistics.median(private):.0f} MB (at worst "
            f"{max(private):.0f} MB); bar {bar}"
        )


if __name__ == "__main__":
    main()
