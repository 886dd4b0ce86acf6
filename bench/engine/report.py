"""What a run is told as: tables on the terminal, a picture, and the raw figures as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import orjson
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from bench.engine.figures import Repeat, typical
from bench.engine.scenarios import BARS
from frazil_runtime.client.samples import duration

_COLUMNS: Final = (
    *("scenario", "server", "answers/s", "p50", "p99", "p99 large", "wait", "CPU µs"),
    *("refused", "errors", "missed", "generator", "others"),
)
_COLORS: Final = {
    "frazil": "#2a6f97",
    "fifo": "#61a5c2",
    "uncached": "#a9d6e5",
    "bare": "#e07a1f",
}
_MISSED: Final = "#c1121f"


def show(repeats: Sequence[Repeat], console: Console) -> None:
    """Both tables: medians of what was measured, and the promises."""
    measured = Table()
    for column in _COLUMNS:
        measured.add_column(column, justify="left" if column in _COLUMNS[:2] else "right")
    for row in typical(repeats):
        value = {name: figure for name, figure in row.items() if isinstance(figure, float)}
        measured.add_row(
            *(str(row["scenario"]), str(row["server"]), f"{value['rate']:,.0f}"),
            *(duration(value[name]) for name in ("p50", "p99", "large_p99", "wait")),
            f"{value['cpu']:,.0f}",
            *(f"{value[name]:,.0f}" for name in ("refused", "errors", "missed")),
            *(f"{value[name]:.0%}" for name in ("generator", "others")),
        )
    console.print(measured)
    console.print(bars(repeats), highlight=False)


def bars(repeats: Sequence[Repeat]) -> str:
    """The promises as a Markdown table; what was not measured this time is left out."""
    lines = ["| what | bar | measured |", "| --- | --- | --- |"]
    for bar in BARS:
        value = bar.judge(repeats)
        if not math.isnan(value):
            missed = "" if bar.met(value) else " (missed)"
            lines.append(f"| {bar.what} | {bar.sign} {bar.bound:g} | {value:.2f}{missed} |")
    return "\n".join(lines)


def write(repeats: Sequence[Repeat], file: Path) -> None:
    """Every cell of every repeat, and the floors; NaN is null."""
    record = [
        {"cells": [asdict(cell) for cell in repeat.cells.values()], "floor": repeat.floor}
        for repeat in repeats
    ]
    file.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))


def draw(repeats: Sequence[Repeat], file: Path) -> None:
    """A PNG: the server's CPU of a request, and each promise as a multiple of its bar."""
    figure = Figure(figsize=(14, 7), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    _costs(left, repeats)
    _promises(right, repeats)
    for axes in (left, right):
        axes.grid(visible=True, axis="x", color="#e6e9ed", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, format="png")


def _costs(axes: Axes, repeats: Sequence[Repeat]) -> None:
    rows = sorted(typical(repeats), key=lambda row: str(row["scenario"]), reverse=True)
    names = [f"{row['scenario']}, {row['server']}" for row in rows]
    colors = [_COLORS[str(row["server"])] for row in rows]
    axes.barh(names, [float(row["cpu"]) for row in rows], color=colors)
    axes.set_xscale("log")
    axes.set_title("server CPU of an answer, microseconds", fontsize=10, loc="left")


def _promises(axes: Axes, repeats: Sequence[Repeat]) -> None:
    """How far each is on the good side: 1 is the bar, and more is better."""
    judged = [(bar, bar.judge(repeats)) for bar in reversed(BARS)]
    known = [(bar, value) for bar, value in judged if not math.isnan(value)]
    margins = [value / bar.bound if bar.sign == "≥" else bar.bound / value for bar, value in known]
    colors = [_COLORS["frazil"] if bar.met(value) else _MISSED for bar, value in known]
    names = [
        f"{bar.what.replace('`', '')}\n{value:.2f}, bar {bar.sign} {bar.bound:g}"
        for bar, value in known
    ]
    axes.barh(names, margins, color=colors)
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_xscale("log")
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title("promises, as multiples of their bars", fontsize=10, loc="left")
