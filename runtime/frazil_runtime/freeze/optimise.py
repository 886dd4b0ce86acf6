"""Grappler's passes, a fixed list: kept or dropped by equality alone, never by a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from frazil_runtime.freeze import grappler
from frazil_runtime.freeze.dropout import without_idle_dropout
from frazil_runtime.freeze.graph import Frozen
from frazil_runtime.freeze.graphdef import canonical

_DROPOUT = "dropout"
PASSES: Final = (*grappler.PASSES, _DROPOUT)


def optimise(frozen: Frozen, passes: Sequence[str]) -> Frozen:
    """The graph after ``passes``, in canonical form; what is fed, fetched or run keeps its name."""
    graph = frozen.graph
    if passes:
        graph = grappler.optimize(graph, frozen.targets, [p for p in passes if p != _DROPOUT])
    if _DROPOUT in passes:
        # Before: only constants have a known range. After: multiplying by ones goes away.
        graph = without_idle_dropout(graph)
        graph = grappler.optimize(graph, frozen.targets, [p for p in passes if p != _DROPOUT])
    return replace(frozen, graph=canonical(graph))


def keep_equal(frozen: Frozen, equal: Callable[[Frozen], bool]) -> Frozen:
    """The graph after those passes that, one by one, leave it ``equal``."""
    kept: list[str] = []
    for name in PASSES:
        if equal(optimise(frozen, [*kept, name])):
            kept.append(name)
    return optimise(frozen, kept)
