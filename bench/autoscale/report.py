"""What the simulation comes to: a table for each shape, one of constant loads, a picture, JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import orjson
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.autoscale.fronts import Point, beaten_by, beside, front
from bench.autoscale.sweeps import FRAZIL, PEERS

Curves = Mapping[str, Sequence[Point]]  # by shape
Still = Mapping[tuple[float, float], Sequence[Point]]  # by mean and cost

_COLORS: Final = dict(
    zip((FRAZIL, *PEERS), ("#2a6f97", "#e07a1f", "#c9a227", "#c1121f", "#9aa5b1"), strict=True)
)


def curves_table(points: Sequence[Point]) -> str:
    """Markdown: Frazil's points, and beside each peer its pods at as many violations; in brackets
    who of them is better in both."""
    lines = [
        f"| targetUtilization | violations | pods | {' | '.join(PEERS)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in PEERS)} |",
    ]
    for point in (one for one in points if one.policy == FRAZIL):
        cells = (_beside(point, [one for one in points if one.policy == peer]) for peer in PEERS)
        violations, pods = point.mean
        lines.append(f"| {point.target:g} | {violations:.2%} | {pods:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _beside(point: Point, peer: Sequence[Point]) -> str:
    ratio = beside(point, peer)
    said = "beyond" if math.isnan(ratio) else f"{ratio:.2f} ×"
    beaten = beaten_by(point, peer)
    return said + (f" (above {', '.join(f'{one.target:g}' for one in beaten)})" if beaten else "")


def still_table(still: Still) -> str:
    """Markdown: changes in ten minutes, the mean over the seeds; Frazil's worst in brackets."""
    lines = [
        f"| mean | cost | {FRAZIL} | {' | '.join(PEERS)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in PEERS)} |",
    ]
    for (mean, cost), points in still.items():
        changes = {point.policy: point.changes for point in points}
        cells = [f"{statistics.fmean(changes[name]):.2f}" for name in (FRAZIL, *PEERS)]
        cells[0] += f" ({max(changes[FRAZIL]):.2f})"
        lines.append(f"| {mean:g} | {1000 * cost:g} ms | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(curves: Curves, still: Still) -> str:
    """Both bars in one line."""
    all_points = [(point, points) for points in curves.values() for point in points]
    mine = [(point, points) for point, points in all_points if point.policy == FRAZIL]
    above = [
        point
        for point, points in mine
        if beaten_by(point, [one for one in points if one.policy != FRAZIL])
    ]
    said = []
    if mine:
        said.append(f"{len(mine) - len(above)} of {len(mine)} points on or below every front")
    often = [
        statistics.fmean(point.changes)
        for points in still.values()
        for point in points
        if point.policy == FRAZIL
    ]
    if often:
        said.append(
            f"at most {max(often):.2f} changes in ten minutes under a load of constant mean"
        )
    return "; ".join(said)


def write(curves: Curves, still: Still, file: Path) -> None:
    """Every point, with the figures of every seed."""
    record = {
        "shapes": {shape: [asdict(point) for point in points] for shape, points in curves.items()},
        "constant": [
            {"mean": mean, "cost": cost, "points": [asdict(point) for point in points]}
            for (mean, cost), points in still.items()
        ],
    }
    file.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))


def draw(curves: Curves, file: Path) -> None:
    """A PNG, a panel for each shape: left and below is better."""
    figure = Figure(figsize=(5 * len(curves), 4.6), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (shape, points) in zip(panels, curves.items(), strict=True):
        _panel(axes, shape, points)
    panels[0].set_ylabel("pods, on average")
    panels[-1].legend(frameon=False, fontsize=9)
    figure.savefig(file, format="png")


def _panel(axes: Axes, shape: str, points: Sequence[Point]) -> None:
    for name, color in _COLORS.items():
        own = [point for point in points if point.policy == name]
        axes.plot(*zip(*[p.mean for p in own], strict=True), "o", color=color, markersize=4)
        width = 2.2 if name == FRAZIL else 1.2
        axes.plot(*zip(*front(own), strict=True), color=color, linewidth=width, label=name)
    axes.set_xscale("log")
    axes.set_title(shape, fontsize=10, loc="left")
    axes.set_xlabel("requests refused or late, share")
    axes.grid(visible=True, color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
