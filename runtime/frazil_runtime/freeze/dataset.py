"""Labelled rows for an evaluation, whatever file they are in.

That has an array or a feature by the name of each input, and one that is named LABELS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy.typing as npt

from frazil_runtime.freeze.scoring import EvaluationError

Array = npt.NDArray[Any]

FIELD: Final = "spec.evaluation.dataset"
LABELS: Final = "labels"


class Rows(NamedTuple):
    """Some rows: the inputs by name in the model's dtypes, and their labels, rows first."""

    inputs: Mapping[str, Array]
    labels: Array


def missing(lacking: list[str], there: set[str], what: str) -> EvaluationError:
    """The error for what a dataset lacks; ``what`` it has: arrays, or features."""
    has = ", ".join(sorted(there)[:10]) or "none"
    return EvaluationError(
        f"{FIELD} lacks {', '.join(lacking)}: its {what} must be named as the model's inputs, and "
        f"{LABELS}; it has {has}"
    )
