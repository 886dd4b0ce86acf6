"""The table that `frazil top` draws again and again. Needs rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from frazil_runtime.client.fleet import COLUMNS, cells
from frazil_runtime.client.look import Seen

_WORDS = ("NAMESPACE", "NAME", "STATUS", "REVISION")


def table(seen: Seen) -> Group:
    """What was seen, and below it what was not."""
    shown = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    for column in COLUMNS:
        word = column in _WORDS
        # What may wrap is shortened first, and a word does not wrap: figures stay whole.
        shown.add_column(
            column, justify="left" if word else "right", no_wrap=not word, overflow="ellipsis"
        )
    for row in seen.rows:
        shown.add_row(*map(Text, cells(row)))
    return Group(shown, Text(seen.note)) if seen.note else Group(shown)


@contextmanager
def screen(console: Console | None = None) -> Iterator[Callable[[Seen], None]]:
    """Draws in place what it is given; what was drawn last stays."""
    with Live(console=console, auto_refresh=False) as drawn:
        yield lambda seen: drawn.update(table(seen), refresh=True)
