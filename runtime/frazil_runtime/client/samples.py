"""PURE. What a load measured, answer by answer, and what that comes to."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NO_ANSWER: Final = 0  # in place of a status: the connection broke
REFUSED: Final = (429, 503)  # the server has too much to do, and says so
QUANTILES: Final = (50.0, 90.0, 99.0)


def _numbers() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Samples:
    """One entry for each request that ended, in the order of their ends.

    ``done`` and ``latency`` are in seconds, ``done`` from the load's begin; ``status`` is HTTP's.
    """

    done: array[float] = field(default_factory=_numbers)
    latency: array[float] = field(default_factory=_numbers)
    status: array[int] = field(default_factory=lambda: array("h"))

    def add(self, done: float, latency: float, status: int) -> None:
        """One more request has ended."""
        self.done.append(done)
        self.latency.append(latency)
        self.status.append(status)

    def since(self, first: int) -> tuple[Array, Array, Array]:
        """done, latency and status of the entries from ``first`` on; copies."""
        return (
            np.array(self.done[first:], np.float64),
            np.array(self.latency[first:], np.float64),
            np.array(self.status[first:], np.int16),
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Requests of some ``seconds``; ``quantiles`` are those of the good answers, NaN without any.

    ``refused`` are not among the ``errors``; ``reasons`` counts the errors by status.
    """

    seconds: float
    good: int
    refused: int
    errors: int
    quantiles: tuple[float, ...]
    reasons: tuple[tuple[int, int], ...] = ()

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds if self.seconds > 0 else 0.0


def summarise(latency: Array, status: Array, seconds: float) -> Summary:
    """What entries of ``seconds`` come to."""
    good = status == 200
    refused = np.isin(status, REFUSED)
    kinds, counts = np.unique(status[~good & ~refused], return_counts=True)
    return Summary(
        seconds=seconds,
        good=int(good.sum()),
        refused=int(refused.sum()),
        errors=int(counts.sum()),
        quantiles=percentiles(latency[good], QUANTILES),
        reasons=tuple(zip(kinds.tolist(), counts.tolist(), strict=True)),
    )


def percentiles(values: Array, wanted: tuple[float, ...]) -> tuple[float, ...]:
    """Each the smallest value that so many per cent of all do not exceed; NaN of nothing."""
    if values.size == 0:
        return (float("nan"),) * len(wanted)
    found: list[float] = np.percentile(values, wanted, method="inverted_cdf").tolist()
    return tuple(found)


def duration(seconds: float) -> str:
    """``0.42 ms``, ``12.3 ms``, ``1.20 s``, a dash for NaN."""
    if math.isnan(seconds):
        return "–"
    if seconds >= 1:
        return f"{seconds:.2f} s"
    digits = max(0, 2 - len(str(int(seconds * 1e3)).lstrip("0")))
    return f"{seconds * 1e3:.{digits}f} ms"
