"""The table that `frazil bench` shows while it runs, and at its end. Needs rich."""

from __future__ import annotations

from collections.abc import Iterable
from http.client import responses

from rich.console import Console
from rich.live import Live
from rich.table import Table

from frazil_runtime.client.load import Load
from frazil_runtime.client.samples import NO_ANSWER, Summary, duration, summarise

_COLUMNS = ("", "requests/s", "p50", "p90", "p99", "errors", "refused")
_BUSY = 0.8  # of one core: from there on, what is measured is this program


class Shown:
    """The last interval and all so far, drawn anew at each look."""

    def __init__(self, console: Console) -> None:
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self._seen, self._at = 0, 0.0

    def look(self, load: Load) -> None:
        """Draw what came since the last look, and all of it."""
        now, count = load.seconds, len(load.samples.done)
        _, latency, status = load.samples.since(self._seen)
        recent = summarise(latency, status, now - self._at)
        self._seen, self._at = count, now
        rows = [(f"{now:.1f} s", recent), ("in all", total(load))]
        self.live.update(table(rows), refresh=True)


def table(rows: Iterable[tuple[str, Summary]]) -> Table:
    """A row for each summary."""
    shown = Table()
    for column in _COLUMNS:
        shown.add_column(column, justify="right")
    for name, summary in rows:
        quantiles = map(duration, summary.quantiles)
        counts = (str(summary.errors), str(summary.refused))
        shown.add_row(name, f"{summary.rate:,.0f}", *quantiles, *counts)
    return shown


def total(load: Load) -> Summary:
    """All that the load measured."""
    _, latency, status = load.samples.since(0)
    return summarise(latency, status, load.seconds)


def remarks(load: Load, summary: Summary, busy: float) -> list[str]:
    """What a reader of the figures must know; ``busy`` is this process's share of a core."""
    said = []
    if busy > _BUSY:
        said.append(
            f"This program used {busy:.0%} of a core: it may itself be the bottleneck. Run several "
            "of it, on other machines"
        )
    if load.unsent:
        said.append(
            f"{load.unsent} requests were due and not sent: all connections were busy. The server "
            "is slower than the rate, or --connections is too small"
        )
    if load.unanswered:
        said.append(f"{load.unanswered} requests had no answer at the end")
    said += [f"{count} × {_reason(status)}" for status, count in summary.reasons]
    return said


def _reason(status: int) -> str:
    if status == NO_ANSWER:
        return "no answer: the connection could not be made, or broke"
    return f"{status} {responses.get(status, '')}".rstrip()
