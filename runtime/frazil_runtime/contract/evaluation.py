"""What an evaluation measures, and what came of it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

METRICS: Final = ("Accuracy", "TopK", "BinaryF1", "MeanAbsoluteError")
ERRORS: Final = ("MeanAbsoluteError",)  # of these metrics less is better
_MOST_COUNTS: Final = 8


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``spec.evaluation`` without its bound, which changes nothing about what is measured.

    ``output`` is the output that is scored, "" where the model has but one; ``k`` is TopK's.
    ``again`` is another text when the dataset was overwritten in place.
    """

    dataset: str
    metric: str = "Accuracy"
    output: str = ""
    k: int = 5
    again: str = ""

    @property
    def key(self) -> str:
        """The evaluation's name: 64 hexadecimal digits, the SHA-256 of canonical JSON.

        A field equal to its default takes no part, so that a later one changes no name.
        """
        plain = asdict(Evaluation(""))
        said = {name: value for name, value in asdict(self).items() if value != plain[name]}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation of one artifact came to: ``value`` over ``samples`` rows.

    ``key`` is the Evaluation's. ``counts`` is what a confidence bound is made of: ``right`` and
    ``scored``; ``tp``, ``fp``, ``fn`` and ``tn``; or ``sum``, ``sum_of_squares`` and ``scored``.
    """

    key: str
    value: float
    samples: int
    counts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, record: object) -> Evaluated | None:
        """What ``asdict`` made of one, through JSON; None where it is none.

        Nobody vouches for the record: the process that writes it runs the model.
        """
        if not isinstance(record, dict) or not {"key", "value", "samples"} <= record.keys():
            return None
        found = cls(record["key"], record["value"], record["samples"], record.get("counts", {}))
        return found if found._is_sound() else None

    def _is_sound(self) -> bool:
        return (
            isinstance(self.key, str)
            and re.fullmatch("[0-9a-f]{64}", self.key) is not None
            and _is_number(self.value)
            and type(self.samples) is int
            and 0 < self.samples < 2**63
            and isinstance(self.counts, dict)
            and len(self.counts) <= _MOST_COUNTS
            and all(map(_is_word, self.counts))
            and all(map(_is_number, self.counts.values()))
        )


def evaluation_path(artifact: str, key: str) -> str:
    """Where an evaluation lies beside its artifact: ``artifacts/sha256-…/evaluations/….json``."""
    return f"artifacts/{artifact}/{in_artifact(key)}"


def in_artifact(key: str) -> str:
    """Where an evaluation lies below the artifact's own folder."""
    return f"evaluations/{key}.json"


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch("[a-z_]{1,32}", name) is not None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf
