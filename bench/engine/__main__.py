"""`python -m bench.engine`: the engine beside a bare server and the session alone, in one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench.engine import report, run
from bench.engine.figures import Repeat
from bench.engine.generator import Generator
from bench.engine.models import BUILD, artifact
from bench.engine.scenarios import chosen


def main() -> int:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a closed loop")
    parser.add_argument("--only", default="", metavar="WORD", help="of the scenarios' names")
    parser.add_argument("--output", type=Path, default=BUILD, metavar="DIR", help="(%(default)s)")
    options = parser.parse_args()
    scenarios = chosen(options.only)
    if not scenarios:
        parser.error(f"no scenario has {options.only!r} in its name")
    options.output.mkdir(parents=True, exist_ok=True)
    for model in run.MODELS:
        artifact(model)
    with Generator() as generator:
        runs = run.Run(generator, options.seconds)
        found: list[Repeat] = []
        for number in range(options.repeats):
            found.append(runs.repeat(scenarios, number))
            report.write(found, options.output / "engine.json")
    report.draw(found, options.output / "engine.png")
    report.show(found, Console(width=180))
    print(f"{options.output}/engine.json, {options.output}/engine.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
