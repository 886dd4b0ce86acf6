"""A day of feedback through the accuracy window and the 80-20 rule, with a literal clock.

Two pods get labels in turn, and one of them leaves every three hours. The clock goes in steps of
thirty seconds; labels come at random (Poisson) and are right at random (binomial). Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from frazil_operator.caching import Rules, State, decide
from frazil_operator.window import Window
from frazil_runtime.contract.accuracy import MINUTES, AccuracyRules, Bucket, Counts, Tally

RULES: Final = Rules()
DIGEST: Final = AccuracyRules(enabled=True).digest
STEP: Final = 30  # seconds
DAY: Final = 24 * 3600
LIFE: Final = 3 * 3600  # seconds that a pod lives
FALL: Final = 4 * 3600  # when accuracy begins to fall
START: Final = 1_800_000_000.0
RATES: Final = (50, 5_000)  # labels an hour

Truth = Callable[[float], float]  # the accuracy at a time in seconds since the start


@dataclass
class Day:
    """What happened when, in seconds since the start."""

    epochs: list[float] = field(default_factory=list)
    switches: list[tuple[float, bool]] = field(default_factory=list)  # caching on or off
    warnings: list[tuple[float, bool]] = field(default_factory=list)  # a loss is expected, or not


@dataclass
class Pod:
    """Counts what comes, as the runtime does; ``uid`` also says when it was started."""

    uid: int
    minutes: dict[int, Counts] = field(default_factory=dict)

    def count(self, labels: int, right: int, now: float) -> None:
        """So many labels have come, and so many of them say that the answer was right."""
        minute = int(now // 60)
        more = Counts(predictions=labels, rows=labels, labels=labels, right=right)
        self.minutes[minute] = self.minutes.get(minute, Counts()) + more
        self.minutes = {at: c for at, c in self.minutes.items() if at >= minute - MINUTES}

    def tally(self, now: float) -> Tally:
        """What the pod tells of revision a."""
        buckets = tuple(Bucket(minute, counts) for minute, counts in self.minutes.items())
        return Tally("m", "a", rules=DIGEST, now=now, started=self.uid, buckets={"a": buckets})


def live(truth: Truth, rate: float, seed: int, prior: Counts | None = None) -> Day:
    """One day of ``rate`` labels an hour."""
    random = np.random.default_rng(seed)
    window, state, day = Window(DIGEST, RULES.window_seconds), State().about("a"), Day()
    pods = [Pod(0), Pod(1)]
    for turn, second in enumerate(range(0, DAY, STEP)):
        now = START + second
        pod = pods[turn % 2]
        if second and second % LIFE < STEP:
            window = window.left(str(pod.uid), now)
            pods[turn % 2] = pod = Pod(pods[turn % 2 - 1].uid + 1)
        if labels := int(random.poisson(rate * STEP / 3600)):
            pod.count(labels, int(random.binomial(labels, truth(second))), now)
            window = window.absorb(str(pod.uid), pod.tally(now), now)
        before = state
        _, state = decide(RULES, window.counts("a", now), prior, state, now)
        note(day, before, state, second)
    return day


def note(day: Day, before: State, after: State, second: float) -> None:
    """Enter what has changed."""
    if after.epoch != before.epoch:
        day.epochs.append(second)
    if after.caching != before.caching:
        day.switches.append((second, after.caching))
    if after.expects_loss != before.expects_loss:
        day.warnings.append((second, after.expects_loss))


def constant(seeds: int) -> None:
    """What chance does while nothing changes."""
    print(f"Constant accuracy, {seeds} days each; minAccuracy {RULES.min_accuracy}.\n")
    print(
        "| labels/h | accuracy | epoch changes a day, most (mean) | caching on "
        "| turned off a day, most (mean) | a loss expected, part of the time |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for rate in RATES:
        for accuracy in (0.5, 0.7, 0.78, 0.8, 0.82, 0.85, 0.9, 0.95, 0.99):
            days = [live(falling(0, accuracy), rate, seed) for seed in range(seeds)]
            epochs = [len(day.epochs) for day in days]
            offs = [sum(not on for _, on in day.switches) for day in days]
            on, warned = (
                np.mean([spell(events) for events in found]) / DAY
                for found in ([d.switches for d in days], [d.warnings for d in days])
            )
            print(
                f"| {rate:,} | {accuracy} | {max(epochs)} ({np.mean(epochs):.2f}) | {on:.0%} "
                f"| {max(offs)} ({np.mean(offs):.2f}) | {warned:.1%} |"
            )


def spell(events: Sequence[tuple[float, bool]]) -> float:
    """For how many seconds of the day it was true."""
    ends = pairwise((*events, (DAY, False)))
    return sum(end - at for (at, true), (end, _) in ends if true)


def falls(seeds: int) -> None:
    """What is seen of a fall, and how early. The evaluation says 0.95: caching is on at once."""
    prior = Counts(labels=10_000, right=9_500)
    print(f"\nAccuracy falls from 0.95 to 0.6, {seeds} days each; medians (and the worst).\n")
    print(
        "| labels/h | fall | caching off, after the truth passed minAccuracy "
        "| a loss expected, before caching went | warnings taken back | epoch changes |\n"
        "| ---: | --- | ---: | ---: | ---: | ---: |"
    )
    for rate in RATES:
        for name, speed in (("at once", 1e9), ("0.1/h", 0.1), ("0.05/h", 0.05), ("0.02/h", 0.02)):
            truth = falling(speed)
            days = [live(truth, rate, seed, prior) for seed in range(seeds)]
            passed = FALL + (0.95 - RULES.min_accuracy) / speed * 3600
            after = [lost(day) - passed for day in days]
            lead = [ahead(day) for day in days]
            back = [max(0, sum(not on for _, on in d.warnings) - 1) for d in days]
            epochs = [len(day.epochs) for day in days]
            print(
                f"| {rate:,} | {name} | {minutes(median(after))} ({minutes(max(after))}) "
                f"| {minutes(median(lead))} ({minutes(min(lead))}) "
                f"| {median(back):g} ({max(back)}) | {median(epochs):g} ({max(epochs)}) |"
            )


def falling(speed: float, start: float = 0.95) -> Truth:
    """``start``, from FALL on less by ``speed`` an hour, down to 0.6 (if not lower)."""
    end = min(0.6, start)
    return lambda second: max(end, start - speed * max(0.0, second - FALL) / 3600)


def lost(day: Day) -> float:
    """When caching went off first."""
    return next(at for at, on in day.switches if not on)


def ahead(day: Day) -> float:
    """For how long the last warning before that had stood."""
    off = lost(day)
    return off - max((at for at, on in day.warnings if on and at <= off), default=off)


def minutes(seconds: float) -> str:
    """As the tables say it."""
    return f"{seconds / 60:.1f} min"


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="days of each kind")
    seeds = parser.parse_args().seeds
    constant(seeds)
    falls(seeds)


if __name__ == "__main__":
    main()
