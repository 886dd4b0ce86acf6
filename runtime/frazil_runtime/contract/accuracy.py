"""How accuracy is measured while a model serves, and what its pods have counted of it.

A pod answers with its Tally at its admin port's ACCURACY_PATH.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

ACCURACY_PATH: Final = "/accuracy"  # GET a Tally; below it by name, where a process has several
TALLY_BYTES: Final = 512 * 1024  # the document has less

ID_HEADER: Final = "X-Frazil-Prediction-Id"
OMITTED_HEADER: Final = "X-Frazil-Prediction-Id-Omitted"  # why there is none
ID_PARAMETER: Final = "prediction_id"  # of the Open Inference Protocol's answers

ENV_KEYS_DIR: Final = "FRAZIL_KEYS_DIR"  # folder of PREDICTION_KEY; without it there are no ids
PREDICTION_KEY: Final = "prediction-key"  # KEY_BYTES random bytes in URL-safe base64
KEY_BYTES: Final = 32
# The secret of who may send feedback; without it anybody may.
ENV_FEEDBACK_TOKEN_FILE: Final = "FRAZIL_FEEDBACK_TOKEN_FILE"

MINUTES: Final = 60  # that a Tally goes back, besides the one that has begun
REVISIONS: Final = 8  # that a Tally has at most
ROWS: Final = 256  # that one prediction id covers at most
MAGNITUDE: Final = 1e15  # of a value that is predicted, or of its label, at most
_MOST: Final = 10_000_000  # of anything in a minute: what is more is no measurement
_TEXT: Final = 256  # characters of a name


class Metric(StrEnum):
    """What is measured: the words of ``spec.accuracy.metric``."""

    ACCURACY = "Accuracy"
    TOP_K = "TopK"
    BINARY_F1 = "BinaryF1"
    MEAN_ABSOLUTE_ERROR = "MeanAbsoluteError"


@dataclass(frozen=True, slots=True)
class AccuracyRules:
    """How a model's answers are held against labels.

    ``output`` is the one that is scored, empty for a signature's only one. ``k`` is TopK's,
    ``threshold`` the probability from which on BinaryF1 takes an answer for positive.
    """

    enabled: bool = False
    output: str = ""
    metric: Metric = Metric.ACCURACY
    k: int = 5
    threshold: float = 0.5
    max_label_age_seconds: int = 604_800

    @property
    def digest(self) -> str:
        """Eight hex digits: answers of equal digests are scored alike, and can be added up."""
        further = {Metric.TOP_K: self.k, Metric.BINARY_F1: self.threshold}.get(self.metric)
        text = json.dumps([self.output, self.metric, further])
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @classmethod
    def from_record(cls, record: object) -> AccuracyRules:
        """What ``asdict`` made of it, through JSON; ValueError says what is wrong. What is left out
        has its default, and what only a later version knows is passed over."""
        known = _known(cls, record)
        _check_truths(known, "enabled")
        _check_texts(known, "output")
        for name, least, most in (
            ("k", 1, 100),
            ("threshold", 0.0, 1.0),
            ("max_label_age_seconds", 1, 2**31),
        ):
            if name in known:
                known[name] = _figure(name, known[name], least, most)
        if "metric" in known:
            known["metric"] = _metric(known["metric"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of some answers. Counts of different answers, scored alike, can be added.

    ``predictions`` answers got a prediction id, and have ``rows`` rows together; ``labels`` rows
    were scored: the coverage is labels / rows.

    Of the labels, by the metric: Accuracy and TopK have ``right`` (the share p of n labels has the
    variance p (1 - p) / n); BinaryF1 the four of the confusion matrix; MeanAbsoluteError the sums
    of the errors' sizes and of their squares.
    """

    predictions: int = 0
    rows: int = 0
    labels: int = 0
    right: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    error: float = 0.0
    squared_error: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        pairs = ((getattr(self, name), getattr(other, name)) for name in _COUNTS)
        return Counts(*(mine + more for mine, more in pairs))

    @classmethod
    def sum(cls, parts: Iterable[Counts]) -> Counts:
        """All of them together."""
        return sum(parts, start=cls())

    def value(self, metric: Metric) -> float | None:
        """The metric itself, of all labels as they are; None where there are too few for any.

        F1 is 2 TP / (2 TP + FP + FN), and not known while all three are 0.
        """
        if metric is Metric.BINARY_F1:
            twice = 2 * self.true_positives
            among = twice + self.false_positives + self.false_negatives
            return twice / among if among else None
        if not self.labels:
            return None
        good = self.error if metric is Metric.MEAN_ABSOLUTE_ERROR else self.right
        return good / self.labels

    def to_record(self) -> dict[str, int | float]:
        """Of JSON, without what is 0."""
        return {name: got for name in _COUNTS if (got := getattr(self, name))}

    @classmethod
    def from_record(cls, record: object) -> Counts:
        """What ``to_record`` made, of one minute; ValueError says what cannot have been counted."""
        known = _known(cls, record)
        for name, got in known.items():
            if name not in ("error", "squared_error"):
                known[name] = _figure(name, got, 0, _MOST * (ROWS if name == "rows" else 1))
        counts = cls(**known)
        labels = counts.labels
        _figure("error", counts.error, 0.0, 2 * MAGNITUDE * labels)
        _figure("squared_error", counts.squared_error, 0.0, 4 * MAGNITUDE**2 * labels)
        if max(counts.right, sum(getattr(counts, name) for name in _CONFUSION)) > labels:
            raise ValueError(f"more was right or wrong than the {labels} labels")
        return counts


_CONFUSION: Final = ("true_positives", "false_positives", "false_negatives", "true_negatives")
_COUNTS: Final = tuple(f.name for f in fields(Counts))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted in one ``minute`` since the epoch, by the pod's wall clock: predictions when
    they were made, labels when they came."""

    minute: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Tally:
    """What one process has counted of a model in the last hour.

    ``buckets`` are by the revision that has *predicted*, whichever pod the labels came to; oldest
    first. They were all counted by the rules of the digest ``rules``. ``now`` and ``started`` (this
    process) are seconds since the epoch, by the pod's wall clock. ``keyed``: there is a key to sign
    ids with; ``guarded``: feedback is taken from who has the secret alone. ``epoch`` is that of the
    policy that holds.
    """

    model: str
    revision: str
    metric: Metric = Metric.ACCURACY
    rules: str = ""
    epoch: int = 0
    enabled: bool = False
    keyed: bool = False
    guarded: bool = False
    now: float = 0.0
    started: float = 0.0
    buckets: Mapping[str, Sequence[Bucket]] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line."""
        record = {f.name: getattr(self, f.name) for f in fields(self)}
        record["buckets"] = {
            revision: [{"minute": each.minute, **each.counts.to_record()} for each in buckets]
            for revision, buckets in self.buckets.items()
        }
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str | bytes) -> Tally:
        """What ``to_json`` wrote; ValueError says what is wrong with what somebody else did.

        What is left out has its default, and what only a later version knows is passed over.
        """
        if len(text) > TALLY_BYTES:
            raise ValueError(f"longer than {TALLY_BYTES} bytes")
        try:
            record = json.loads(text)
        except RecursionError as error:
            raise ValueError("too deep") from error
        known = {"model": "", "revision": ""} | _known(cls, record)
        _check_texts(known, "model", "revision", "rules")
        _check_truths(known, "enabled", "keyed", "guarded")
        known["metric"] = _metric(known.get("metric", Metric.ACCURACY))
        for name in {"now", "started"} & known.keys():
            known[name] = _figure(name, known[name], 0.0, 1e11)
        known["epoch"] = _figure("epoch", known.get("epoch", 0), 0, 2**53)
        known["buckets"] = _by_revision(known.get("buckets", {}))
        return cls(**known)


def _by_revision(record: object) -> dict[str, tuple[Bucket, ...]]:
    if not isinstance(record, dict) or len(record) > REVISIONS:
        raise ValueError(f"buckets must be an object of at most {REVISIONS} revisions")
    if not all(map(_is_text, record)):
        raise ValueError("a revision's name is no short text")
    return {revision: _buckets(sent) for revision, sent in record.items()}


def _buckets(sent: object) -> tuple[Bucket, ...]:
    if not isinstance(sent, list) or len(sent) > MINUTES + 1:
        raise ValueError(f"a revision must have a list of at most {MINUTES + 1} buckets")
    buckets: list[Bucket] = []
    for record in sent:
        counts = Counts.from_record(record)
        minute: int = _figure("minute", record.get("minute"), 0, 2**31)
        if buckets and minute <= buckets[-1].minute:
            raise ValueError("the buckets are not in order")
        buckets.append(Bucket(minute, counts))
    return tuple(buckets)


def _known(cls: type[AccuracyRules | Counts | Tally], record: object) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return {f.name: record[f.name] for f in fields(cls) if f.name in record}


def _check_texts(known: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if name in known and not _is_text(known[name]):
            raise ValueError(f"{name} must be a short text, not {_shown(known[name])}")


def _is_text(sent: object) -> bool:
    """Whether it is text that can be shown and written down: no half characters, no lines."""
    return type(sent) is str and len(sent) <= _TEXT and sent.isprintable()


def _check_truths(known: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if type(known.get(name, False)) is not bool:
            raise ValueError(f"{name} must be true or false, not {_shown(known[name])}")


def _metric(sent: object) -> Metric:
    for metric in Metric:
        if sent == metric:
            return metric
    raise ValueError(f"metric must be one of {', '.join(Metric)}")


def _figure(name: str, sent: object, least: float, most: float) -> Any:
    """A number within its bounds, whole where these are."""
    kind = type(least)
    fits = type(sent) is kind or (kind is float and type(sent) is int)
    if not (fits and isinstance(sent, int | float) and least <= sent <= most):
        wanted = f"a {kind.__name__} from {least:g} to {most:g}"
        raise ValueError(f"{name} must be {wanted}, not {_shown(sent)}")
    return kind(sent)


def _shown(sent: object) -> str:
    if isinstance(sent, float) and not math.isfinite(sent):
        return str(sent)
    return str(sent)[:32] if isinstance(sent, int | float) else type(sent).__name__
