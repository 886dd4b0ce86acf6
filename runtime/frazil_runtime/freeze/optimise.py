"""Grappler's passes, a fixed list: kept or dropped by equality alone, never by a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from frazil_runtime.freeze import grappler
from frazil_runtime.freeze.graph import Frozen
from frazil_runtime.freeze.graphdef import canonical


def optimise(frozen: Frozen, passes: Sequence[str] = grappler.PASSES) -> Frozen:
    """The graph after ``passes``, in canonical form; what is fed, fetched or run keeps its name."""
    graph = grappler.optimize(frozen.graph, frozen.targets, passes) if passes else frozen.graph
    return replace(frozen, graph=canonical(graph))


def keep_equal(frozen: Frozen, equal: Callable[[Frozen], bool]) -> Frozen:
    """The graph after as many of the passes as leave it ``equal``: all of them, or one by one."""
    optimised = optimise(frozen)
    if equal(optimised):
        return optimised
    kept: list[str] = []
    for name in grappler.PASSES:
        if equal(optimise(frozen, [*kept, name])):
            kept.append(name)
    return optimise(frozen, kept)
