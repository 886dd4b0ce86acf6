"""What a run costs: expected seconds by shape class and number of rows, learnt from the runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

RUN_SECONDS: Final = 0.010  # a run of several rows is not expected to take longer
GAIN: Final = 0.9  # a batch is doubled where a row then costs at most this share of before
# Where a run of one row is expected to take less, it is done in place,
QUICK_SECONDS: Final = 200e-6
QUICK_BATCH_SECONDS: Final = 400e-6  # and so are its rows together, if they end as soon as this,
MISS_SECONDS: Final = 1e-3  # unless too many take longer than a hand-over to a thread may
RUN_OVERHEAD: Final = 100e-6  # of every run, however small: forming it, its tensors, a hand-over
QUICK_MISSES: Final = 0.01
CLASSES: Final = 256  # shape classes kept; what clients send decides how many there are

FORGOTTEN: Final = 0.98  # of what a size took that is not run: in time it is tried again
MUCH: Final = 2.0  # times as long as before: then it is no disturbance

_WEIGHT: Final = 0.1  # of the newest run in the average
_FALL: Final = 0.5  # likewise, of what a thread computes, where the newest took less,
_RISE: Final = 0.02  # or more: another process, a cold cache or a slow clock only ever add to it
_MISS_WEIGHT: Final = 0.002
_LOOK_RUNS: Final = 64  # after so many runs it is asked again which size is the best

Kind = tuple[Hashable, ...]  # begins with (model, signature)


class Cost:
    """Of one shape class. ``best`` is the number of rows from which on a larger batch gains
    nothing, or takes too long; ``quick`` whether its runs are better done in place.

    Both are judged by what a thread computes. What others wait for is longer on a thread, where it
    has waits in it that a run in place does not have.
    """

    __slots__ = (
        *("_computed", "_known", "_misses", "_runs", "_settled", "_sizes", "_warmed"),
        *("best", "quick", "seconds"),
    )

    def __init__(
        self, sizes: Sequence[int], seconds: Mapping[int, float], *, warmed: bool = True
    ) -> None:
        self._warmed = warmed  # or seen to run so often that it is known
        self.seconds = dict(seconds)  # that others wait, by number of rows
        self._computed = dict(seconds)
        self._settled = dict(seconds)
        self._sizes = sizes
        self._runs = 0
        self._misses = 0.0  # share of runs that took longer than a hand-over
        self._look()

    def expected(self, rows: int) -> float:
        """Seconds that so many rows take, in runs of the sizes they would be run at."""
        return self._together(self.seconds, rows)

    def ends_within(self, seconds: float, rows: int) -> bool:
        """Whether so many rows are known to take no longer."""
        return self._known and self._together(self.seconds, rows) <= seconds

    def size(self, rows: int) -> float:
        """As expected, but as of when last it changed much: by it requests are put in order, and
        those that are alike are to keep the order in which they came."""
        return self._together(self._settled, rows)

    def _together(self, seconds: Mapping[int, float], rows: int) -> float:
        if rows <= self.best and rows in seconds:
            return seconds[rows]
        whole, rest = divmod(rows, self.best)
        total = whole * _at(seconds, self.best)
        for size in self._sizes:
            if rest & size:
                total += _at(seconds, size)
        return total

    def observe(self, rows: int, wall: float, cpu: float) -> None:
        """One run more: ``wall`` is what others waited, ``cpu`` what the thread computed."""
        _average(self.seconds, rows, wall)
        _average(self._computed, rows, cpu, fall=_FALL, rise=_RISE)
        if self._computed[rows] < QUICK_BATCH_SECONDS:  # else it would never be run in place
            self._misses += _MISS_WEIGHT * ((cpu >= MISS_SECONDS) - self._misses)
        self._runs += 1
        if self._runs % _LOOK_RUNS == 0:
            self._warmed = True
            self._look()

    def _look(self) -> None:
        for rows, newest in self._computed.items():
            before = self._settled.get(rows)
            if before is None or not before / MUCH < newest < before * MUCH:
                self._settled[rows] = newest
        self.best = 1
        best = _at(self._computed, 1)
        quick = best < QUICK_SECONDS
        longest = QUICK_BATCH_SECONDS if quick else RUN_SECONDS
        for double in self._sizes[1:] if self._computed else ():
            if double not in self._computed:
                self._computed[double] = 2 * best  # to be forgotten from the next look on
                break
            # Never more than half as many rows twice: it was disturbed if it seems so, and would
            # never be found out if it were not run again.
            two = min(self._computed[double], 2 * best)
            if two > longest:
                break
            if not gains(best, two):
                self._computed[double] = two * FORGOTTEN
                break
            self.best, best = double, two
        self._known = self._warmed and bool(self._computed)
        self.quick = self._known and quick and self._misses < QUICK_MISSES


def _average(
    seconds: dict[int, float],
    rows: int,
    newest: float,
    *,
    fall: float = _WEIGHT,
    rise: float = _WEIGHT,
) -> None:
    before = seconds.get(rows)
    if before is None:
        seconds[rows] = newest
    else:
        seconds[rows] = before + (fall if newest < before else rise) * (newest - before)


def _at(seconds: Mapping[int, float], size: int) -> float:
    """Seconds of a run of this size; from the nearest smaller one where it was never run."""
    found = seconds.get(size)
    if found is None:
        smaller = max((each for each in seconds if each < size), default=0)
        found = seconds[smaller] * size / smaller if smaller else 0.0
    return found


def gains(one: float, two: float) -> bool:
    """Whether a run of twice the rows, in ``two`` seconds, makes a row cheaper by a tenth."""
    return two + RUN_OVERHEAD <= 2 * GAIN * (one + RUN_OVERHEAD)


class Costs:
    """The shape classes of all models.

    A class not seen yet begins as its signature's warm-up, but is run on threads until it is known.
    """

    def __init__(self, max_batch_size: int) -> None:
        self.sizes = tuple(1 << n for n in range(max_batch_size.bit_length()))
        self._classes: OrderedDict[Kind, Cost] = OrderedDict()
        self._seeds: dict[Hashable, dict[int, float]] = {}  # by (model, signature)
        self._kinds: dict[Hashable, Kind] = {}  # likewise: what was warmed up

    def seed(self, kind: Kind, seconds: Mapping[int, float]) -> None:
        """What the warm-up of this class measured: seconds by number of rows (1, 2, 4 …)."""
        self._seeds[kind[0]] = dict(seconds)
        self._kinds[kind[0]] = kind
        self._classes[kind] = Cost(self.sizes, seconds)

    def of(self, kind: Kind) -> Cost:
        """The shape class's own, which goes on being the one that is asked."""
        known = self._classes.get(kind)
        if known is None:
            seed = self._seeds.get(kind[0], {})
            known = self._classes[kind] = Cost(self.sizes, seed, warmed=False)
            if len(self._classes) > CLASSES:
                self._classes.popitem(last=False)
        else:
            self._classes.move_to_end(kind)
        return known

    def least(self, model: str, signature: str) -> tuple[float, float]:
        """Cost and size of one row, of the shape that was warmed up."""
        kind = self._kinds.get((model, signature))
        if kind is None:
            return 0.0, 0.0
        cost = self.of(kind)
        return cost.expected(1), cost.size(1)

    @property
    def largest(self) -> float:
        """Seconds that a full batch of the costliest signature takes, by the warm-up; 0: none."""
        found = [
            Cost(self.sizes, seconds).expected(self.sizes[-1] if len(seconds) > 1 else 1)
            for seconds in self._seeds.values()
        ]
        return max(found, default=0.0)
