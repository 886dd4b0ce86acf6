"""What is measured: the loads, on which servers, and what of them was promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.engine.figures import Bar, over_floor, quotient, ratio
from bench.engine.requests import SHARE_OF_LARGE
from frazil_runtime.contract import Policy

# What each server is told; None: nothing, it has its defaults.
POLICIES: Final = {
    "frazil": None,
    "fifo": Policy(number=1, order="Fifo", output_cache_mode="Always"),
    "uncached": Policy(number=1, output_cache_mode="Off"),
}
BARE: Final = "bare"
SERVERS: Final = (*POLICIES, BARE)  # `frazil` first: what it bears is what others are offered


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load on one model.

    Each kind of request (of ``requests.KINDS``) is a stream of its own. A closed loop, unless
    ``of`` names the scenario of whose rate on `frazil`, times ``factor``, each stream is sent its
    share. ``length`` and ``warm_up`` are in units of the run's seconds.
    """

    name: str
    model: str
    kinds: tuple[str, ...]
    connections: int
    servers: tuple[str, ...]
    of: str = ""
    factor: float = 1.0
    shares: tuple[float, ...] = (1.0,)
    length: float = 1.0
    warm_up: float = 0.25


SCENARIOS: Final = (
    Scenario("1 row, 1 connection", "small", ("1 row",), 1, ("frazil", BARE)),
    Scenario("1 row, 16 connections", "small", ("1 row",), 16, ("frazil", BARE)),
    Scenario("32 rows, 16 connections", "small", ("32 rows",), 16, ("frazil", BARE)),
    Scenario("1 image, 1 connection", "image", ("1 image",), 1, ("frazil", BARE)),
    Scenario("1 image, 32 connections", "image", ("1 image",), 32, ("frazil", BARE)),
    Scenario("a hit, 1 connection", "image", ("again",), 1, ("frazil",)),
    Scenario("zipf, 1 connection", "image", ("zipf",), 1, ("frazil", BARE), warm_up=1),
    Scenario(
        *("zipf, 16 connections", "image", ("zipf",), 16, ("frazil", "uncached", BARE)), warm_up=1
    ),
    Scenario("mix, as much as it bears", "image", ("mix",), 16, ("frazil",), length=2),
    Scenario(
        *("mix at 70 %", "image", ("1 image", "32 images"), 128, ("frazil", "fifo", BARE)),
        of="mix, as much as it bears",
        factor=0.7,
        shares=(1 - SHARE_OF_LARGE, SHARE_OF_LARGE),
        length=10,
    ),
    Scenario(
        *("overload, 3 times", "image", ("1 image",), 2048, ("frazil", BARE)),
        of="1 image, 32 connections",
        factor=3,
        length=4,
    ),
)

BARS: Final = (
    Bar(
        "1 row JSON, 16 connections: rate over `bare`'s",
        *("≥", 0.9, ratio("rate", "1 row, 16 connections", "frazil", BARE)),
    ),
    Bar(
        "32 rows JSON, 16 connections: rate over `bare`'s",
        *("≥", 1.4, ratio("rate", "32 rows, 16 connections", "frazil", BARE)),
    ),
    Bar(
        "1 image, 32 connections: server CPU of a request over the floor's of a row",
        *("≤", 1.35, over_floor("1 image, 32 connections", "frazil", "image")),
    ),
    Bar(
        "1 image, 1 connection: rate over `bare`'s",
        *("≥", 0.95, ratio("rate", "1 image, 1 connection", "frazil", BARE)),
    ),
    Bar(
        "mix: p99 of the small over `bare`'s",
        *("≤", 0.5, ratio("p99", "mix at 70 %", "frazil", BARE)),
    ),
    Bar(
        "mix: mean wait in the queue over Fifo's",
        *("≤", 0.4, ratio("wait", "mix at 70 %", "frazil", "fifo")),
    ),
    Bar(
        "mix: p99 of the large over Fifo's",
        *("≤", 1.4, ratio("large_p99", "mix at 70 %", "frazil", "fifo")),
    ),
    Bar(
        "Zipf, 16 connections: rate over `bare`'s",
        *("≥", 5.0, ratio("rate", "zipf, 16 connections", "frazil", BARE)),
    ),
    Bar(
        "overload: answers within 1 s over what a closed loop has",
        "≥",
        0.7,
        quotient(
            ("prompt", "overload, 3 times", "frazil"), ("rate", "1 image, 32 connections", "frazil")
        ),
    ),
    Bar(
        "overload: a lone request 0.1 s after it over the p50 at 1 connection",
        "≤",
        3.0,
        quotient(
            ("lone", "overload, 3 times", "frazil"), ("p50", "1 image, 1 connection", "frazil")
        ),
    ),
)


def chosen(word: str) -> Sequence[Scenario]:
    """Those with ``word`` in their names, and those of whose rate they are a multiple."""
    found = [scenario for scenario in SCENARIOS if word in scenario.name]
    needed = {scenario.of for scenario in found}
    return [one for one in SCENARIOS if one in found or one.name in needed]
