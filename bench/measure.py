"""``make measure``: runs every scenario at full length and writes docs/measurements.md's table.

Each figure comes from a test or a benchmark that can be run alone: the command stands beside it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.cluster import ROOT

PAGE = ROOT / "docs" / "measurements.md"
BEGIN, END = "<!-- figures: written by make measure -->", "<!-- end of figures -->"
ROUNDS = "20"
SCENARIOS = tuple(
    f"tests/e2e/test_{name}.py"
    for name in ("rollout", "startup", "idle", "upgrade", "operator_faults")
)


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, its bar, and the figures (by the name a scenario notes them under)."""

    what: str
    bar: str
    figures: Sequence[str]
    command: str


def e2e(test: str) -> str:
    """The command that runs one scenario alone."""
    return f"FRAZIL_ROUNDS={ROUNDS} pytest -m e2e tests/e2e/{test}"


ROWS = (
    Row(
        "20 checkpoint changes in a row under load through the Service",
        "0 failed; no answer of the old revision on a connection opened > 1 s after Ready",
        ("changes under load", "old answers after Ready"),
        e2e("test_rollout.py -k changes"),
    ),
    Row(
        "a node drain of one pod at 2 replicas; a pod deleted; scale 3 → 1",
        "0 failed",
        ("drain of one pod at 2 replicas", "a pod deleted", "scale 3 → 1"),
        e2e("test_rollout.py"),
    ),
    Row(
        "operator killed after each of its API writes of a rollout, and at 10 random instants",
        "same end state, no request lost, no duplicate child",
        ("killed after each API write", "killed at random instants"),
        e2e("test_operator_faults.py -k killed"),
    ),
    Row(
        "`.status` wiped during a rollout; the Job's pod deleted while the operator is down; "
        "the URI overwritten in place",
        "same end state; no surprise rollout",
        (
            "status wiped during a rollout",
            "Job's pod deleted while the operator is down",
            "URI overwritten in place",
        ),
        e2e("test_operator_faults.py"),
    ),
    Row(
        "idle, 3 models, 60 s; 100 forced reconciles",
        "0 writes besides the Lease",
        ("idle, 3 models, 60 s", "100 forced reconciles"),
        e2e("test_idle.py"),
    ),
    Row(
        "upgrade to a chart with another runtime image, pod template and defaulted field",
        "0 pods restarted",
        ("upgrade of the chart",),
        e2e("test_upgrade.py"),
    ),
    Row(
        "container start → Ready, digits model, warm page cache; private memory (RssAnon)",
        "≤ 1.5 s; ≤ 100 MB",
        ("container start → Ready", "private memory"),
        e2e("test_startup.py"),
    ),
    Row(
        "apply → freeze Job created; Job done → Deployment created",
        "≤ 1 s each",
        ("apply → Job created", "Job done → Deployment created"),
        e2e("test_startup.py"),
    ),
    Row(
        "64 MB+ artifact: peak memory of the fetch over the baseline",
        "≤ 32 MB",
        ("peak memory of a fetch",),
        "python -m bench.fetch_memory",
    ),
)


def main() -> int:
    """Measure, write the page, and answer how the scenarios ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        environ = os.environ | {"FRAZIL_ROUNDS": ROUNDS, "FRAZIL_FIGURES": str(path)}
        fetch = [sys.executable, "-m", "bench.fetch_memory"]
        fetched = subprocess.run(fetch, cwd=ROOT, check=True, capture_output=True, text=True)
        scenarios = [sys.executable, "-m", "pytest", "-m", "e2e", *SCENARIOS, *sys.argv[1:]]
        done = subprocess.run(scenarios, cwd=ROOT, env=environ, check=False)
        figures = read(path) | {"peak memory of a fetch": fetched.stdout.strip()}
    write(figures)
    return done.returncode


def read(path: Path) -> dict[str, str]:
    """The figures by name, the last of each."""
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {line["row"]: line["value"] for line in lines}


def table(figures: Mapping[str, str]) -> str:
    """The Markdown table; a figure that was not measured this time says so."""
    lines = ["| what | bar | measured | command |", "| --- | --- | --- | --- |"]
    for row in ROWS:
        found = [f"{name}: {figures.get(name, 'not measured')}" for name in row.figures]
        lines.append(f"| {row.what} | {row.bar} | {'<br>'.join(found)} | `{row.command}` |")
    return "\n".join(lines)


def write(figures: Mapping[str, str]) -> None:
    """Put the table between its marks; what stands around it is a person's."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.platform(terse=True)}"
    text = f"{before}{BEGIN}\n\nMeasured {when}.\n\n{table(figures)}\n\n{END}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
