"""The picture of a load: latency by percentile, and over time. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from frazil_runtime.client.samples import QUANTILES, REFUSED, duration, percentiles

Array = npt.NDArray[Any]

_SHARES = np.array([50, 90, 99, 99.9, 99.99])
_SLOTS, _IN_A_SLOT = 40, 100  # of the lines over time: a p99 of fewer is none
_POINTS = 5000  # of the cloud; more are ink
_BLUE, _ORANGE, _RED, _GREY = "#2a6f97", "#e07a1f", "#c1121f", "#9aa5b1"
_LINES = dict(zip(QUANTILES, (_BLUE, _ORANGE, _RED), strict=True))


def draw(file: Path, title: str, done: Array, latency: Array, status: Array) -> None:
    """Write a PNG. ``done`` and ``latency`` in seconds, one entry for each request."""
    figure = Figure(figsize=(12, 5), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    good = status == 200
    if good.any():
        _by_percentile(left, latency[good])
        _over_time(right, done[good], latency[good])
    _misses(right, done, status)
    for axes in (left, right):
        axes.grid(visible=True, which="major", color="#e6e9ed", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, format="png")


def _by_percentile(axes: Axes, latency: Array) -> None:
    """The nines are evenly apart: a tail is what one looks for."""
    ranks = (np.arange(latency.size) + 0.5) / latency.size
    nines = -np.log10(1 - ranks)
    axes.plot(nines, np.sort(latency), color=_BLUE, linewidth=1.8)
    for share, value in zip(QUANTILES, percentiles(latency, QUANTILES), strict=True):
        place = -np.log10(1 - share / 100)
        axes.plot(place, value, "o", color=_LINES[share], markersize=6)
        axes.annotate(
            f"p{share:g}  {duration(value)}",
            (place, value),
            xytext=(8, -10),
            textcoords="offset points",
            fontsize=9,
        )
    shown = _SHARES[100 * (1 - 0.5 / latency.size) >= _SHARES]
    axes.set_xticks(-np.log10(1 - shown / 100), [f"{share:g} %" for share in shown])
    axes.set_xlabel("share of the requests that were at least as fast")
    axes.set_title("latency by percentile", fontsize=10, loc="left")
    _in_durations(axes)


def _over_time(axes: Axes, done: Array, latency: Array) -> None:
    few = np.random.default_rng(0).permutation(done.size)[:_POINTS]
    axes.plot(done[few], latency[few], ".", color=_GREY, markersize=2, alpha=0.5, zorder=1)
    slots = int(np.clip(done.size // _IN_A_SLOT, 1, _SLOTS))
    edges = np.linspace(0, done.max(), slots + 1)
    places = np.clip(np.digitize(done, edges) - 1, 0, slots - 1)
    for share, color in _LINES.items():
        values = [percentiles(latency[places == slot], (share,))[0] for slot in range(slots)]
        middles = (edges[:-1] + edges[1:]) / 2
        axes.plot(middles, values, color=color, linewidth=1.6, label=f"p{share:g}")
    axes.set_xlabel("seconds since the begin")
    axes.set_title("latency over time", fontsize=10, loc="left")
    _in_durations(axes)


def _misses(axes: Axes, done: Array, status: Array) -> None:
    """What was no good answer, along the bottom."""
    refused = np.isin(status, REFUSED)
    for name, chosen, color in (
        ("refused", refused, _ORANGE),
        ("errors", (status != 200) & ~refused, _RED),
    ):
        if chosen.any():
            heights = np.full(int(chosen.sum()), 0.01)
            across = axes.get_xaxis_transform()
            label = f"{chosen.sum()} {name}"
            axes.plot(done[chosen], heights, "|", color=color, transform=across, label=label, ms=12)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=5, fontsize=9)


def _in_durations(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    ticks = [step * 10.0**power for power in range(-6, 4) for step in (1, 2, 5)]
    axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: duration(seconds)))
    axes.yaxis.set_minor_formatter(NullFormatter())
