"""One evaluation in the course of a freeze: its dataset, its run, and what is kept of it.

It is kept beside the artifact, outside its digest: what is measured of an artifact changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from frazil_runtime.artifacts import fetch
from frazil_runtime.contract.evaluation import Evaluated, Evaluation, in_artifact
from frazil_runtime.errors import ArtifactError
from frazil_runtime.freeze import index
from frazil_runtime.freeze.dataset import FIELD
from frazil_runtime.freeze.location import shown
from frazil_runtime.freeze.outcome import UnavailableError
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.freeze.source import fetch_file
from frazil_runtime.freeze.work import Work
from frazil_runtime.transfer import describe

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Evaluator = Callable[[Path, Path, Evaluation, Progress], Evaluated]


def tensorflow(artifact: Path, rows: Path, wanted: Evaluation, progress: Progress) -> Evaluated:
    """The Evaluator: evaluate.evaluate, imported when it is needed."""
    from frazil_runtime.freeze.evaluate import evaluate  # noqa: PLC0415 - imports TensorFlow

    return evaluate(artifact, rows, wanted, progress)


@dataclass(frozen=True, slots=True)
class Evaluating:
    """One evaluation. ``environ`` has the source's credentials while it fetches.

    ``folder`` is where in a store the artifact lies. Methods raise as those of Freezing; what a
    store is asked for raises obstore's errors, too.
    """

    wanted: Evaluation
    work: Work
    environ: Mapping[str, str]
    progress: Progress
    evaluator: Evaluator = tensorflow

    def fetch(self) -> None:
        """Fetch the dataset."""
        self.progress(f"fetching {shown(self.wanted.dataset)}")
        self.work.dataset.unlink(missing_ok=True)
        fetch_file(self.wanted.dataset, FIELD, self.work.dataset, self.environ)

    def earlier(self, store: ObjectStore, folder: str) -> Evaluated | None:
        """What the same evaluation of the same rows came to before, where that is known."""
        path = _beside(folder, self.wanted)
        try:
            record = orjson.loads(bytes(store.get(path).bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        known = record if isinstance(record, dict) else {}
        found = Evaluated.read(known.get("result"))
        same = known.get("sha256") == describe(self.work.dataset).sha256
        return found if found is not None and same and found.key == self.wanted.key else None

    def download(self, store: ObjectStore, artifact: str) -> None:
        """Fetch an artifact that is to be evaluated and was not converted here."""
        try:
            fetch(store, artifact, self.work.known, self.progress)
        except ArtifactError as error:
            raise UnavailableError(str(error)) from error

    def evaluate(self, artifact: Path) -> None:
        """Evaluate the artifact in a directory. Where that fails, ``publish`` says so: what was
        converted is to be kept all the same."""
        self.progress(f"evaluating on {shown(self.wanted.dataset)}")
        self.work.evaluation.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        record: dict[str, Any]
        try:
            found = self.evaluator(artifact, self.work.dataset, self.wanted, self.progress)
        except FreezeError as error:
            record = {"failed": str(error)}
        else:
            record = {"result": asdict(found), "seconds": round(time.monotonic() - began, 3)}
            self.progress(told(self.wanted, found))
        self.work.evaluation.write_text(json.dumps(record))

    def publish(self, store: ObjectStore, folder: str) -> Evaluated:
        """Keep what ``evaluate`` found beside the artifact. EvaluationError where it failed."""
        record = self._record()
        if failed := record.get("failed"):
            raise EvaluationError(str(failed))
        found = Evaluated.read(record.get("result"))
        if found is None or found.key != self.wanted.key:
            raise UnavailableError("what the evaluation came to cannot be read")
        kept = record | {
            "evaluation": asdict(replace(self.wanted, dataset=shown(self.wanted.dataset))),
            "sha256": describe(self.work.dataset).sha256,
            "freezer": index.freezer_version(self.environ),
        }
        text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
        store.put(_beside(folder, self.wanted), text)
        return found

    def _record(self) -> dict[str, Any]:
        """What was written beside an untrusted model."""
        try:
            record = json.loads(self.work.evaluation.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}


def told(wanted: Evaluation, found: Evaluated) -> str:
    """What came of it, for people: ``Accuracy 0.9312 on 450 samples of …``."""
    dataset = shown(wanted.dataset)
    return f"{wanted.metric} {found.value:.4g} on {found.samples} samples of {dataset}"


def _beside(folder: str, wanted: Evaluation) -> str:
    return "/".join(filter(None, (folder, in_artifact(wanted.key))))
