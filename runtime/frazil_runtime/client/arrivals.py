"""PURE. When requests are due: seconds from a load's begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

_DRAWN = 1024  # at once


def poisson(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """The open loop: ``rate`` a second on average, whatever the server does."""
    draw, due = np.random.default_rng(seed), 0.0
    while True:
        for gap in draw.exponential(1 / rate, _DRAWN).tolist():
            due += gap
            if due >= seconds:
                return
            yield due


def at_once(clock: Callable[[], float], seconds: float) -> Iterator[float]:
    """The closed loop: whoever has an answer asks again. ``clock`` is in seconds from the begin."""
    while (now := clock()) < seconds:
        yield now


def count_until(arrivals: Iterator[float], now: float) -> int:
    """How many of the rest were due by ``now``."""
    count = 0
    for due in arrivals:
        if due > now:
            break
        count += 1
    return count
