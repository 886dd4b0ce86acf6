"""PURE. What the counts of a histogram tell."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float:
    """The value that ``share`` of all, above 0, do not exceed: 0 of nothing.

    ``counts`` has one for each of the ascending ``bounds`` and a last one beyond them, each by
    itself. Within its bucket the value is interpolated, and beyond the last bound it is that bound,
    as Prometheus' ``histogram_quantile`` does.
    """
    rank, below, lower = share * sum(counts), 0, 0.0
    if not rank:
        return 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if below + count >= rank:
            return lower + (bound - lower) * (rank - below) / count
        below, lower = below + count, bound
    return lower
