"""`python -m bench.autoscale`: Frazil's autoscaler beside others', on a simulated fleet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.autoscale import report, run
from bench.autoscale.fronts import Point
from bench.autoscale.loads import SHAPES


def main() -> int:
    """Simulate, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3600, help="of each run (%(default)s)")
    parser.add_argument("--only", choices=SHAPES, help="of the shapes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every point of every seed")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a PNG, a panel for a shape")
    options = parser.parse_args()
    if options.seconds <= run.SETTLING:
        parser.error(f"--seconds: more than {run.SETTLING}, which count for nothing")
    shapes = [options.only] if options.only else list(SHAPES)
    curves: dict[str, list[Point]] = {}
    still: dict[tuple[float, float], list[Point]] = {}
    length = run.Length(options.seeds, options.seconds)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=run.runs(len(shapes), options.seeds))
        for shape in shapes:
            progress.update(task, description=shape)
            curves[shape] = list(run.points(shape, length, lambda: progress.advance(task)))
        progress.update(task, description="constant")
        for mean in run.MEANS:
            for cost in run.COSTS:
                found = run.still(mean, cost, length, lambda: progress.advance(task))
                still[mean, cost] = list(found)
    for shape, points in curves.items():
        print(f"{shape}\n\n{report.curves_table(points)}\n")
    print(f"constant\n\n{report.still_table(still)}\n\n{report.verdict(curves, still)}")
    if options.json:
        report.write(curves, still, options.json)
    if options.picture:
        report.draw(curves, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
