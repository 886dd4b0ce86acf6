"""The folder that the stages of one freeze share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from frazil_runtime import contract


@dataclass(frozen=True, slots=True)
class Work:
    """The folder that the stages share. Each writes below a directory of its own."""

    root: Path

    @property
    def fetched(self) -> Path:
        """All that fetch wrote."""
        return self.root / contract.FETCHED

    @property
    def converted(self) -> Path:
        """All that convert wrote."""
        return self.root / contract.CONVERTED

    @property
    def source(self) -> Path:
        """The checkpoint's files."""
        return self.fetched / "source"

    @property
    def samples(self) -> Path:
        """The fetched samples, where the request names some."""
        return self.fetched / "samples.npz"

    @property
    def dataset(self) -> Path:
        """The fetched dataset, where the request has an evaluation."""
        return self.fetched / "dataset"

    @property
    def known(self) -> Path:
        """The folder that holds an artifact of the store's, by its name, to be evaluated."""
        return self.fetched / "artifacts"

    @property
    def record(self) -> Path:
        """What fetch found out: Record as JSON."""
        return self.fetched / "record.json"

    @property
    def result(self) -> Path:
        """The result, where the artifact was known: then nothing is left to do but evaluate it."""
        return self.fetched / "result.json"

    @property
    def artifact(self) -> Path:
        """What was converted."""
        return self.converted / "artifact"

    @property
    def evaluation(self) -> Path:
        """What the evaluation came to, or why it came to nothing."""
        return self.converted / "evaluation.json"

    @property
    def report(self) -> Path:
        """How the conversion went, for the provenance."""
        return self.converted / "report.json"


@dataclass(frozen=True, slots=True)
class Record:
    """``path`` is the loader's, below Work.source; ``samples`` the hex SHA-256 of the samples or
    ""; ``bytes`` the checkpoint's size; ``index`` the freeze's key in the index."""

    uri: str
    path: str
    checkpoint: str
    bytes: int
    samples: str
    index: str

    @classmethod
    def read(cls, path: Path) -> Record:
        """What ``fetch`` wrote."""
        return cls(**json.loads(path.read_text()))
