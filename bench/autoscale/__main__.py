"""`python -m bench.autoscale`: Frazil's autoscaler beside others', on a simulated fleet."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.autoscale import report, run
from bench.autoscale.fronts import Point
from bench.autoscale.loads import SHAPES

CONSTANT: Final = "constant"


def main() -> int:
    """Simulate, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3600, help="of each run (%(default)s)")
    parser.add_argument("--only", choices=(*SHAPES, CONSTANT), help="of the loads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every point of every seed")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a PNG, a panel for a shape")
    options = parser.parse_args()
    if options.seconds <= run.SETTLING:
        parser.error(f"--seconds: more than {run.SETTLING}, which count for nothing")
    shapes = [shape for shape in SHAPES if options.only in (None, shape)]
    loads = list(product(run.MEANS, run.COSTS)) if options.only in (None, CONSTANT) else []
    curves: dict[str, list[Point]] = {}
    still: dict[tuple[float, float], list[Point]] = {}
    length = run.Length(options.seeds, options.seconds)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=run.runs(len(shapes), len(loads), options.seeds))
        for shape in shapes:
            progress.update(task, description=shape)
            curves[shape] = list(run.points(shape, length, lambda: progress.advance(task)))
        progress.update(task, description=CONSTANT)
        for load in loads:
            still[load] = list(run.still(*load, length, lambda: progress.advance(task)))
    for shape, points in curves.items():
        print(f"{shape}\n\n{report.curves_table(points)}\n")
    if still:
        print(f"{CONSTANT}\n\n{report.still_table(still)}\n")
    print(report.verdict(curves, still))
    if options.json:
        report.write(curves, still, options.json)
    if options.picture and curves:
        report.draw(curves, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
