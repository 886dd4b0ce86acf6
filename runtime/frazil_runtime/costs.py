"""What a run costs: expected seconds by shape class and number of rows, learnt from the runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

RUN_SECONDS: Final = 0.010  # a run of several rows is not expected to take longer
GAIN: Final = 0.9  # a batch is doubled where a row then costs at most this share of before
QUICK_SECONDS: Final = 100e-6  # what a hand-over to a thread costs, and more
QUICK_MISSES: Final = 0.01  # how many runs may take longer than that: it is the 99th percentile
CLASSES: Final = 256  # shape classes kept; what clients send decides how many there are

_WEIGHT: Final = 0.1  # of the newest run in the average
_MISS_WEIGHT: Final = 0.002


@dataclass(slots=True)
class _Class:
    """One shape class: seconds by number of rows, and the share of runs that were not quick."""

    seconds: dict[int, float] = field(default_factory=dict)
    misses: float = 1.0
    best: int = 1
    runs: int = 0


class Costs:
    """Moving averages, seeded by the warm-up. Keys are whatever tells shape classes apart; each
    names with its first element the signature whose warm-up stands in for a class not yet seen.
    """

    def __init__(self, max_batch_size: int) -> None:
        self.sizes = tuple(1 << n for n in range(max_batch_size.bit_length()))
        self._classes: OrderedDict[Hashable, _Class] = OrderedDict()
        self._seeds: dict[Hashable, _Class] = {}

    def seed(self, model: str, seconds: Mapping[str, Mapping[int, float]]) -> None:
        """What the warm-up measured: seconds by signature and number of rows (1, 2, 4 …)."""
        for signature, by_rows in seconds.items():
            known = _Class(dict(by_rows))
            known.best = self._best(known)
            known.misses = 0.0 if by_rows[known.best] < QUICK_SECONDS else 1.0
            self._seeds[model, signature] = known

    @property
    def largest(self) -> float:
        """Seconds that a full batch of the costliest signature takes, by the warm-up; 0: none."""
        rows = {
            key: self.sizes[-1] if len(known.seconds) > 1 else 1
            for key, known in self._seeds.items()
        }
        return max((self.expected((key, None), most) for key, most in rows.items()), default=0.0)

    def observe(self, key: tuple[Hashable, ...], rows: int, wall: float, cpu: float) -> None:
        """One run more: ``wall`` is what others waited, ``cpu`` what the thread computed.

        Whether a class is quick is judged by ``cpu``: on a thread, ``wall`` has waits in it that
        a run in place does not have.
        """
        known = self._class(key)
        before = known.seconds.get(rows)
        known.seconds[rows] = wall if before is None else before + _WEIGHT * (wall - before)
        known.misses += _MISS_WEIGHT * ((cpu >= QUICK_SECONDS) - known.misses)
        known.runs += 1
        if known.runs % 64 == 1:
            known.best = self._best(known)

    def best_size(self, key: tuple[Hashable, ...]) -> int:
        """The number of rows from which on a larger batch gains nothing, or takes too long."""
        return self._class(key).best

    def is_quick(self, key: tuple[Hashable, ...]) -> bool:
        """Whether 99 of 100 runs end sooner than a thread could begin them."""
        return self._class(key).misses < QUICK_MISSES

    def expected(self, key: tuple[Hashable, ...], rows: int) -> float:
        """Seconds that so many rows take, in runs of the sizes they would be run at."""
        known = self._class(key)
        whole, rest = divmod(rows, known.best)
        seconds = whole * _at(known, known.best)
        for size in self.sizes:
            if rest & size:
                seconds += _at(known, size)
        return seconds

    def _class(self, key: tuple[Hashable, ...]) -> _Class:
        known = self._classes.get(key)
        if known is None:
            seed = self._seeds.get(key[0], _Class())
            known = _Class(dict(seed.seconds), seed.misses, seed.best)
            self._classes[key] = known
            if len(self._classes) > CLASSES:
                self._classes.popitem(last=False)
        else:
            self._classes.move_to_end(key)
        return known

    def _best(self, known: _Class) -> int:
        size = 1
        for double in self.sizes[1:]:
            one, two = known.seconds.get(size), known.seconds.get(double)
            if one is None or two is None or two > RUN_SECONDS or two > 2 * GAIN * one:
                break
            size = double
        return size


def _at(known: _Class, size: int) -> float:
    """Seconds of a run of this size; from the nearest smaller one where it was never run."""
    seconds = known.seconds.get(size)
    if seconds is None:
        smaller = max((each for each in known.seconds if each < size), default=0)
        seconds = known.seconds[smaller] * size / smaller if smaller else 0.0
    return seconds
