"""What a freeze tells while it runs: lines on stderr, and a bar where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from frazil_runtime.transfer import size

Progress = Callable[[str], None]

_BAR = 30  # characters


def say(line: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def bar(total: int) -> Iterator[Callable[[int], None]]:
    """Draws how many of ``total`` bytes came, on a terminal; 0 is an unknown total.

    Yields what is told the size of each chunk.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    done, drawn = 0, -1

    def received(chunk: int) -> None:
        nonlocal done, drawn
        done += chunk
        tenths = 1000 * done // total if total else done >> 20
        if tenths != drawn:
            drawn = tenths
            sys.stderr.write(f"\r{picture(done, total)}")
            sys.stderr.flush()

    try:
        yield received
    finally:
        sys.stderr.write("\r\033[K")


def picture(done: int, total: int) -> str:
    """``[######........] 42.0 %  12.3 MB of 29.3 MB``."""
    if not total:
        return size(done)
    share = min(1.0, done / total)
    filled = round(share * _BAR)
    blocks = "#" * filled + "." * (_BAR - filled)
    return f"[{blocks}] {share:.1%}  {size(done)} of {size(total)}"
