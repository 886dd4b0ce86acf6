"""Pure: the 80-20 rule, by which measured accuracy decides whether answers are cached.

Caching goes on when the accuracy is *assured*: all of its 95 % interval lies at or above
``min_accuracy``. It goes off when the accuracy has *failed*: all of the interval lies below. In
between it stays as it is.

The offline evaluation stands in for feedback until the window has held ``min_samples`` labels once.
From then on feedback alone decides, and with fewer labels nothing is decided: the evaluation does
not come back, or the two would take turns wherever labels come slowly.

The *epoch* says when cached answers are to be forgotten: when accuracy has moved, not when time has
passed. Accuracy is compared with that of the *reference*, the first whole window after the last
epoch began, so that no label counts that moved the epoch before. It has moved when the two differ
by ``expire_on_change``, and the interval of their difference excludes zero. A new revision or
artifact changes no epoch: the output cache's key has the artifact's digest. It does begin anew with
its own evaluation and feedback.

A window that slides is looked at again and again, and at 95 % a look, chance would be enough for
several epochs a day. So the level of the difference is such that chance begins one in fifty days.
Under a constant accuracy the window's mean over time is nearly Slepian's process (Gaussian, of the
covariance 1 - t / seconds), and its difference from a fixed reference passes ±z about
``z φ(z) day / seconds`` times a day (J. Pickands, "Upcrossing probabilities for stationary Gaussian
processes", Transactions of the AMS 145, 1969, with α = 1, for which his constant is 1).

For MeanAbsoluteError less is better: ``min_accuracy`` is then the largest mean error, and
"above" reads "below".
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Any, Final

from frazil_operator.bounds import Z95, Interval, difference, interval
from frazil_operator.sums import summed
from frazil_runtime.contract.accuracy import Counts, Metric

CHANGES_A_DAY: Final = 0.02  # epochs that chance alone begins
NEAR: Final = 0.5  # of the interval: so far from failing, a loss is expected
CLEAR: Final = 0.75  # and no longer from here on
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user says. ``expire_on_change`` is in the metric's unit, ``window_seconds`` is how
    far back the counts go."""

    metric: Metric = Metric.ACCURACY
    min_accuracy: float = 0.8
    expire_on_change: float = 0.02
    min_samples: int = 50
    window_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class State:
    """What earlier decisions are remembered by.

    ``subject`` is what they were about: the revision, and the digest of how it is scored.
    ``measured``: there have been enough labels once. ``since`` is when the epoch began to be
    measured, in seconds since the epoch of clocks; ``reference`` what was counted in the first
    window from then on.
    """

    subject: str = ""
    caching: bool = False
    expects_loss: bool = False
    epoch: int = 0
    measured: bool = False
    since: float | None = None
    reference: Counts | None = None

    def about(self, subject: str) -> State:
        """This state, or a new one of the same epoch where it is about something else."""
        return self if subject == self.subject else State(subject, epoch=self.epoch)

    def to_json(self) -> str:
        """One line."""
        reference = self.reference.to_record() if self.reference is not None else None
        return json.dumps(asdict(self) | {"reference": reference})

    @classmethod
    def from_json(cls, text: str) -> State:
        """What ``to_json`` wrote; a new state where nobody did."""
        try:
            return _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return cls()


@dataclass(frozen=True, slots=True)
class Caching:
    """What holds from now on. ``expects_loss``: caching is on and may soon go off, so that the
    fleet should be of the size that it needs without. ``accuracy`` over ``samples`` labels is what
    was decided by, None where nothing is known; ``measured``: it is of feedback."""

    on: bool
    epoch: int
    expects_loss: bool
    accuracy: Interval | None
    samples: int
    measured: bool


def decide(
    rules: Rules, counts: Counts, prior: Counts | None, state: State, now: float
) -> tuple[Caching, State]:
    """Whether answers are cached, and in which epoch.

    ``counts`` is the window's, ``prior`` the offline evaluation's, both of what ``state`` is about;
    ``now`` is in seconds since the epoch.
    """
    enough = 0 < counts.labels >= rules.min_samples
    if not state.measured:
        state = _switched(rules, prior or Counts(), state)
    if enough:
        state = _switched(rules, counts, replace(state, measured=True))
        state = _compared(rules, counts, state, now)
    shown = counts if state.measured else prior or Counts()
    half = 2 * counts.labels >= rules.min_samples
    if half or not state.measured:
        state = _warned(rules, counts if half else shown, state)
    caching = Caching(
        on=state.caching,
        epoch=state.epoch,
        expects_loss=state.expects_loss,
        accuracy=interval(rules.metric, shown),
        samples=shown.labels,
        measured=state.measured,
    )
    return caching, state


def _switched(rules: Rules, counts: Counts, state: State) -> State:
    """With caching on, off, or as it was."""
    accuracy = interval(rules.metric, counts)
    if accuracy is None:  # of feedback: no positives to make an F1 of. Else there is no accuracy
        return replace(state, caching=state.caching and state.measured)
    low, high = _margins(rules, accuracy)
    return replace(state, caching=low >= 0 or (state.caching and high >= 0))


def _warned(rules: Rules, counts: Counts, state: State) -> State:
    """Knowing whether caching may soon go: half the labels are enough to be warned by."""
    accuracy = interval(rules.metric, counts)
    if not state.caching or accuracy is None:
        return replace(state, expects_loss=state.caching and state.expects_loss)
    low, high = _margins(rules, accuracy)
    near = CLEAR if state.expects_loss else NEAR
    return replace(state, expects_loss=high < near * (high - low))


def _margins(rules: Rules, accuracy: Interval) -> tuple[float, float]:
    """How far the worse and the better bound are on the good side of ``min_accuracy``."""
    if rules.metric is Metric.MEAN_ABSOLUTE_ERROR:
        return rules.min_accuracy - accuracy.high, rules.min_accuracy - accuracy.low
    return accuracy.low - rules.min_accuracy, accuracy.high - rules.min_accuracy


def _compared(rules: Rules, counts: Counts, state: State, now: float) -> State:
    """In the next epoch where accuracy has moved; its reference is yet to be measured then."""
    since = now if state.since is None else min(state.since, now)
    state = replace(state, since=since)
    if state.reference is None:
        whole = now - since >= rules.window_seconds
        return replace(state, reference=counts) if whole else state
    moved = difference(rules.metric, state.reference, counts, level(rules.window_seconds))
    if moved is None or abs(moved.value) < rules.expire_on_change or not moved.excludes_zero:
        return state
    return replace(state, epoch=state.epoch + 1, since=now, reference=None)


@cache
def level(window_seconds: int) -> float:
    """The standard normal quantile z with z φ(z) day / seconds = CHANGES_A_DAY: how many standard
    errors make a difference. Never less than Z95."""
    wanted = CHANGES_A_DAY * window_seconds / _DAY
    low, high = Z95, 10.0  # z φ(z) falls from 1 on
    for _ in range(50):
        z = (low + high) / 2
        low, high = (z, high) if z * NormalDist().pdf(z) > wanted else (low, z)
    return low


def _parsed(record: dict[str, Any]) -> State:
    state = State(**{name: record[name] for name in asdict(State())})
    texts = type(state.subject) is str and type(state.epoch) is int and state.epoch >= 0
    truths = (state.caching, state.expects_loss, state.measured)
    if not texts or any(type(truth) is not bool for truth in truths):
        raise ValueError("no state")
    since = state.since if state.since is None else float(state.since)
    if since is not None and not math.isfinite(since):
        raise ValueError("no time")
    found = record["reference"]
    return replace(state, since=since, reference=None if found is None else summed(found))
