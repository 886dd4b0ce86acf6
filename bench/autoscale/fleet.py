"""A fleet of serving pods, second by second, by a literal clock.

Requests go to a ready pod at random, as kube-proxy sends new connections. A pod has one slot and a
line, first come first served, so all that it has to do is over at one instant: that instant, and
who waits, are its whole state. Who would wait for too long is refused on arrival, by the runtime's
own measure: it counts on RESERVED of what it can do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from bench.autoscale.loads import Arrivals
from frazil_runtime.pace import RESERVED


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds. ``start``: from a pod's order until it is ready; ``slo``: from a request's arrival
    to its answer; ``max_wait`` as in the model's spec."""

    start: float = 3.0
    max_wait: float = 1.0
    slo: float = 0.5


TERMS: Final = Terms()


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be measured of one pod. What follows ``left`` only grows, since it began.

    ``ongoing`` requests wait or are run, ``left`` seconds of session time they take yet. ``worked``
    is session time, ``occupied`` the time that all requests have been in the pod, ``asked`` the
    cost of all that came, the refused ones included, ``asked_squares`` the sum of their squares.
    """

    name: int
    ready: bool = True
    ongoing: int = 0
    left: float = 0.0
    worked: float = 0.0
    occupied: float = 0.0
    asked: float = 0.0
    asked_squares: float = 0.0


class Policy(Protocol):
    """How many pods there shall be. Asked once a second, for one fleet from its begin."""

    def __call__(self, now: float, size: int, pods: Sequence[Seen]) -> int:
        """``size`` is that of now, pods that start included; ``pods`` has all these."""
        ...


@dataclass(slots=True)
class Outcome:
    """What came of a load. ``changes`` has when the size changed, and to what."""

    requests: int = 0
    refused: int = 0
    late: int = 0
    answered: int = 0
    pod_seconds: float = 0.0
    changes: list[tuple[float, int]] = field(default_factory=list)

    @property
    def violations(self) -> float:
        """Share of the requests that were refused, or answered too late."""
        return (self.refused + self.late) / self.requests if self.requests else 0.0


class Pod:
    """One slot and its line."""

    def __init__(self, name: int, ordered: float, ready: float) -> None:
        self.name, self.ordered, self.ready = name, ordered, ready
        self.free = ready  # when all is done
        self.asked = self.asked_squares = 0.0
        self.inside: deque[tuple[float, float]] = deque()  # requests: came, will be answered
        self._taken = 0.0
        self._occupied = 0.0  # by those who have left

    def take(self, now: float, cost: float) -> float:
        """Let a request in; when it will be answered."""
        self.free = max(self.free, now) + cost
        self._taken += cost
        self.inside.append((now, self.free))
        return self.free

    def seen(self, now: float) -> Seen:
        """What there is to measure now."""
        inside = self.inside
        while inside and inside[0][1] <= now:
            came, ended = inside.popleft()
            self._occupied += ended - came
        left = max(0.0, self.free - now) if inside else 0.0
        return Seen(
            self.name,
            ready=self.ready <= now,
            ongoing=len(inside),
            left=left,
            worked=self._taken - left,
            occupied=self._occupied + sum([now - came for came, _ in inside]),
            asked=self.asked,
            asked_squares=self.asked_squares,
        )


class Fleet:
    """``pods`` are those that shall be there; ``outcome`` is that of all since the begin, or since
    ``forget``."""

    def __init__(self, size: int, terms: Terms = TERMS) -> None:
        self.terms = terms
        self.outcome = Outcome()
        self.pods = [Pod(name, 0.0, 0.0) for name in range(size)]
        self._names = size

    def serve(self, load: Arrivals, first: int, end: float) -> int:
        """Those from the ``first`` on that come before ``end``; the first that does not."""
        times, costs, chances = load.times, load.costs, load.chances
        ready = [pod for pod in self.pods if pod.ready < end]
        longest, slo = self.terms.max_wait * RESERVED, self.terms.slo
        number, count = first, len(times)
        refused = late = 0
        while number < count and (now := times[number]) < end:
            cost = costs[number]
            number += 1
            if not ready:
                refused += 1
                continue
            pod = ready[int(chances[number - 1] * len(ready))]
            pod.asked += cost
            pod.asked_squares += cost * cost
            if pod.free - now > longest:
                refused += 1
            elif pod.take(now, cost) - now > slo:
                late += 1
        outcome, came = self.outcome, number - first
        outcome.requests += came
        outcome.refused += refused
        outcome.late += late
        outcome.answered += came - refused
        return number

    def resize(self, now: float, size: int) -> None:
        """Order pods, or take some away: those that start go first, then the newest."""
        if size != len(self.pods):
            self.outcome.changes.append((now, size))
        for _ in range(size - len(self.pods)):
            self.pods.append(Pod(self._names, now, now + self.terms.start))
            self._names += 1
        for pod in self.pods[size:]:
            self._leave(pod, max(now, pod.free) if pod.inside else now)
        del self.pods[size:]

    def forget(self, now: float) -> None:
        """Count from now on."""
        self.outcome = Outcome()
        for pod in self.pods:
            pod.ordered = now

    def close(self, now: float) -> Outcome:
        """The outcome, with the pods that are there until now."""
        for pod in self.pods:
            self._leave(pod, now)
        return self.outcome

    def _leave(self, pod: Pod, now: float) -> None:
        self.outcome.pod_seconds += now - pod.ordered


def simulate(
    load: Arrivals,
    policy: Policy,
    *,
    size: int,
    seconds: int,
    lead: int = 0,
    terms: Terms = TERMS,
) -> Outcome:
    """A fleet of ``size`` pods at first, for so many whole seconds; the ``lead`` counts for
    nothing, and lets the policy find its size."""
    fleet, number = Fleet(size, terms), 0
    for second in range(1, seconds + 1):
        now = float(second)
        number = fleet.serve(load, number, now)
        if second == lead:
            fleet.forget(now)
        seen = [pod.seen(now) for pod in fleet.pods]
        fleet.resize(now, max(1, policy(now, len(seen), seen)))
    return fleet.close(float(seconds))
