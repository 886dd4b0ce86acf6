"""Pure: what the status tells of a model's accuracy."""

from __future__ import annotations

from frazil_operator.api_status import AccuracyStatus
from frazil_operator.observed import Observed
from frazil_operator.plan import evaluation
from frazil_operator.plan.decision import Decision


def told(decision: Decision, observed: Observed) -> AccuracyStatus | None:
    """What the revision that has the traffic is worth: by feedback, else by the evaluation that the
    spec asks for; and whether answers are cached for it."""
    revision = stable(decision)
    if revision is None:
        return None
    live, asked = observed.measured, evaluation.wanted(decision.model)
    status = AccuracyStatus()
    if live is not None:
        status = AccuracyStatus(epoch=live.epoch, caching=live.caching)
    if live is not None and live.value is not None and live.source == "Feedback":
        worth = {"value": round(live.value, 4), "samples": live.samples, "source": "Feedback"}
        return status.model_copy(update=worth)
    found = evaluation.known(revision, asked, decision.revisions.values())
    if found is None:
        return status if live is not None else None
    worth = {"value": round(found.value, 4), "samples": found.samples, "source": "Evaluation"}
    return status.model_copy(update=worth)


def stable(decision: Decision) -> str | None:
    """The artifact of the revision that has the traffic, once that is proven."""
    traffic = decision.scene.traffic
    revision = decision.revisions.get(traffic.stable) if traffic else None
    if revision is None or (revision.trial_since and not decision.settled):
        return None
    return revision.artifact.name
