"""What to freeze, and how: the part of a ModelDeployment's spec that the freezer is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from frazil_runtime.contract import Exit
from frazil_runtime.contract.evaluation import Evaluation

FeedValue = bool | int | float | str


class FreezeError(Exception):
    """The checkpoint cannot be frozen, and a retry would not change that: the user must act."""

    def __init__(self, exit: Exit, message: str) -> None:  # noqa: A002 - the field's own name
        super().__init__(message)
        self.exit = exit


@dataclass(frozen=True, slots=True)
class FreezeRequest:
    """``spec.checkpoint`` and the options of ``spec.freeze`` that shape the artifact.

    ``inputs`` and ``outputs`` map aliases to graph tensors (``{"image": "x:0"}``), ``feeds``
    placeholders to the constants they become, ``digest`` pins the source (``sha256:<hex>``),
    ``tolerance`` is relative and absolute. ``images`` describes inputs that clients may give as
    JPEG or PNG, by name, each as images.ImageSpec reads it. ``evaluation`` is what to measure, of
    ``artifact`` where that is named: then nothing is frozen.
    """

    uri: str
    format: str = "Auto"  # Auto | Checkpoint | SavedModel | Keras | FrozenGraph
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, FeedValue] = field(default_factory=dict)
    samples: str = ""  # a URI or path of an npz
    signature: str = "serving_default"
    tags: tuple[str, ...] = ("serve",)
    digest: str = ""
    optimize: bool = True
    tolerance: float = 1e-4
    images: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    artifact: str = ""

    def to_json(self) -> str:
        """Canonical JSON: equal requests are equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FreezeRequest:
        """Read what ``to_json`` or the operator wrote; FreezeError names an unknown field."""
        record: dict[str, Any] = json.loads(text)
        record["tags"] = tuple(record.get("tags", ("serve",)))
        try:
            if record.get("evaluation"):
                record["evaluation"] = Evaluation(**record["evaluation"])
            return cls(**record)
        except TypeError as error:
            raise FreezeError(Exit.INVALID_REQUEST, f"the freeze request: {error}") from error
