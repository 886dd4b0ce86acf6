"""Pure: what a revision is, and which one a spec asks for.

A revision is an artifact and everything that shapes the pods that serve it. Its ControllerRevision
holds the pod template *as rendered when it was made*, so that a later operator, with another
default image or another template, applies what is stored and restarts nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from frazil_operator import names
from frazil_operator.acts import Acts, acting
from frazil_operator.api import Model
from frazil_operator.observed import Object
from frazil_runtime.contract.evaluation import Evaluated


def digest(value: Any, length: int = 10) -> str:
    """The first hexadecimal digits of the SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Artifact:
    """What freezing made: ``name`` is ``sha256-<hex>``, ``checkpoint`` the URI it was made from.

    ``checkpoint_digest`` is over the source's files, sizes are bytes, ``reused`` says that the
    index already knew it, ``inputs`` is FreezeResult's.
    """

    name: str
    checkpoint: str
    checkpoint_digest: str = ""
    checkpoint_bytes: int = 0
    artifact_bytes: int = 0
    reused: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a revision was rejected for good; ``retry`` is the user's annotation at that time."""

    reason: str
    message: str
    retry: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision. ``number`` grows with each that is made; clients see it as the version.

    ``freeze`` is the hash of what was frozen last to its artifact, ``checkpoint`` the URI of that.
    ``trial_since`` is set (RFC 3339) until a rollout of it has completed: only a revision on trial
    can be rejected. ``evaluated`` is what its artifact was last measured to be worth. ``wishes``
    are the model's annotations that were acted on last.
    """

    name: str
    number: int
    artifact: Artifact
    freeze: str
    checkpoint: str
    template: Mapping[str, Any]
    trial_since: str = ""
    verdict: Verdict | None = None
    evaluated: Evaluated | None = None
    wishes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: Object) -> Revision:
        """Read a ControllerRevision that ``data`` and ``annotations`` wrote."""
        metadata, data = body["metadata"], body["data"]
        annotations = metadata.get("annotations", {})
        verdict = annotations.get(names.REJECTED)
        inputs = json.loads(annotations.get(names.INPUTS, "{}"))
        artifact = Artifact(**data["artifact"], inputs=inputs)
        return cls(
            name=names.revision_of(metadata["name"]),
            number=body["revision"],
            artifact=artifact,
            freeze=annotations.get(names.FREEZE, ""),
            checkpoint=annotations.get(names.CHECKPOINT, artifact.checkpoint),
            template=data["template"],
            trial_since=annotations.get(names.TRIAL, ""),
            verdict=Verdict(**json.loads(verdict)) if verdict else None,
            evaluated=Evaluated.read(json.loads(annotations.get(names.EVALUATED, "null"))),
            wishes={wish: annotations[wish] for wish in names.WISHES if wish in annotations},
        )

    @property
    def data(self) -> dict[str, Any]:
        """What never changes, for the ControllerRevision's ``data``."""
        artifact = asdict(self.artifact)
        del artifact["inputs"]  # younger than the first ControllerRevisions, so not of their data
        return {"template": self.template, "artifact": artifact}

    @property
    def annotations(self) -> dict[str, str]:
        """What does change or may be missing, for the ControllerRevision's annotations."""
        verdict = json.dumps(asdict(self.verdict), sort_keys=True) if self.verdict else ""
        inputs = json.dumps(self.artifact.inputs, sort_keys=True) if self.artifact.inputs else ""
        evaluated = json.dumps(asdict(self.evaluated), sort_keys=True) if self.evaluated else ""
        written = {
            **self.wishes,
            names.FREEZE: self.freeze,
            names.CHECKPOINT: self.checkpoint,
            names.INPUTS: inputs,
            names.EVALUATED: evaluated,
            names.TRIAL: self.trial_since,
            names.REJECTED: verdict,
        }
        return {key: value for key, value in written.items() if value}

    def on_trial(self, since: str) -> Revision:
        """The same revision, on trial from ``since`` unless it is already."""
        return replace(self, trial_since=self.trial_since or since)

    def forgiven(self, retry: str) -> Revision:
        """The same revision, its verdict forgotten if the user asked for another try."""
        if self.verdict is None or self.verdict.retry == retry:
            return self
        return replace(self, verdict=None)


def remembering(model: Model, revisions: Iterable[Revision]) -> Model:
    """The model with its last wishes: to take an annotation away asks for nothing."""
    wishes: dict[str, str] = {}
    for revision in revisions:
        wishes |= revision.wishes
    return replace(model, annotations=wishes | dict(model.annotations))


def revision_name(model: Model, artifact: Artifact) -> str:
    """The revision that this spec and this artifact ask for: ten hexadecimal digits.

    A field equal to its default takes no part, so that a field which a later version adds changes
    no name; nor does what the operator decides (images, the template).
    """
    shape = {
        "artifact": artifact.name,
        "serving": acting(model.spec.serving, Acts.ON_REVISION),
        "upgrade-runtime": model.annotations.get(names.UPGRADE_RUNTIME),
    }
    batching = acting(model.spec.batching, Acts.ON_REVISION)
    return digest(shape | ({"batching": batching} if batching else {}))


def expired(
    revisions: Mapping[str, Revision], kept: set[str], history: int
) -> tuple[Revision, ...]:
    """What nothing needs: neither ``kept`` nor among the newest ``history`` of the others. Those
    that have served and those that never did are counted apart: failures push out no good one."""
    others = sorted(revisions.values(), key=lambda revision: -revision.number)
    proven = [r for r in others if r.name not in kept and not r.trial_since]
    unproven = [r for r in others if r.name not in kept and r.trial_since]
    return (*proven[history:], *unproven[history:])
