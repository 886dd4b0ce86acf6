"""Pure: what is to be measured of an artifact, what is known of it, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.revision import Revision
from frazil_runtime.contract.evaluation import ERRORS, Evaluated, Evaluation

_WORDS = {
    "Accuracy": "accuracy",
    "TopK": "top-{k} accuracy",
    "BinaryF1": "F1",
    "MeanAbsoluteError": "mean absolute error",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an evaluation stands that does not let a revision through: Unknown while it is under
    way, False where a person must act. ``final`` says that it was measured and falls short."""

    status: str
    reason: str
    message: str
    final: bool = False


def wanted(model: Model) -> Evaluation | None:
    """What the freeze Job is to measure. The bound takes no part: it is compared here."""
    said = model.spec.evaluation
    if said is None:
        return None
    again = model.annotations.get(names.REFREEZE, "")  # it may be the dataset that is another
    k = said.k if said.metric == "TopK" else Evaluation("").k  # of another it is no part
    return Evaluation(said.dataset, said.metric, said.output or "", k, again)


def known(
    artifact: str, evaluation: Evaluation | None, revisions: Iterable[Revision]
) -> Evaluated | None:
    """What the artifact was evaluated to, if a revision of it remembers that."""
    if evaluation is None:
        return None
    found = (each.evaluated for each in revisions if each.artifact.name == artifact)
    return next((each for each in found if each and each.key == evaluation.key), None)


def shortfall(model: Model, evaluated: Evaluated | None) -> Standing | None:
    """How what was measured falls short of the bound; None where it does not."""
    said = model.spec.evaluation
    if said is None or evaluated is None:
        return None
    what = _WORDS[said.metric].format(k=said.k)
    measured = f"{what} {evaluated.value:.6g} on {evaluated.samples} samples of {said.dataset}"
    if said.metric in ERRORS:
        if said.maximum is None or evaluated.value <= said.maximum:
            return None
        bound = f"is above spec.evaluation.maximum {said.maximum:g}"
        return Standing("False", "AboveMaximumError", f"{measured} {bound}", final=True)
    if said.minimum is None or evaluated.value >= said.minimum:
        return None
    bound = f"is below spec.evaluation.minimum {said.minimum:g}"
    return Standing("False", "BelowMinimumAccuracy", f"{measured} {bound}", final=True)
