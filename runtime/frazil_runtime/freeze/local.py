"""`frazil freeze` on one machine: the stages in a row, without a Job around them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import LocalStore

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.contract.evaluation import Evaluated
from frazil_runtime.freeze import evaluating, index, publish
from frazil_runtime.freeze.evaluating import Evaluating, Evaluator
from frazil_runtime.freeze.freezing import Converter, Freezing, tensorflow
from frazil_runtime.freeze.outcome import UnavailableError, output_failures
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.work import Record, Work
from frazil_runtime.manifest import Manifest
from frazil_runtime.objects import open_output
from frazil_runtime.request_signatures import dtypes_as_requested

if TYPE_CHECKING:
    from obstore.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Frozen:
    """``place`` is what `frazil serve` is given to serve it."""

    place: str
    result: FreezeResult
    manifest: Manifest


def freeze(
    request: FreezeRequest,
    output: str,
    environ: Mapping[str, str],
    progress: Progress,
    converter: Converter = tensorflow,
    *,
    evaluator: Evaluator = evaluating.tensorflow,
) -> Frozen:
    """Freeze ``request`` to ``output``: a directory, or the URL of a store.

    A directory holds the one artifact; a store all of them, below ``artifacts/``, and the index.
    Both remember what was frozen, and what it was evaluated to. Raises FreezeError and
    UnavailableError.
    """
    with tempfile.TemporaryDirectory(prefix="frazil-") as scratch:
        work, wanted = Work(Path(scratch)), request.evaluation
        freezing = Freezing(request, work, environ, progress, converter)
        asked = Evaluating(wanted, work, environ, progress, evaluator) if wanted else None
        if "://" in output:
            return _to_store(freezing, asked, output.rstrip("/"))
        return _to_directory(freezing, asked, Path(output))


def _to_directory(freezing: Freezing, asked: Evaluating | None, output: Path) -> Frozen:
    publish.old_files(output)  # refuses before the work, not after
    record = _fetched(freezing, asked)
    artifact = known = _known(output, record)
    if artifact is None:
        freezing.convert()
        artifact = publish.check(freezing.work.artifact)
        publish.to_directory(artifact, freezing.provenance(), output)
    result = FreezeResult(
        *(artifact.name, record.checkpoint, record.bytes, artifact.bytes),
        reused=known is not None,
        inputs=dtypes_as_requested(artifact.manifest),
    )
    if asked:
        with output_failures(str(output)):
            found = _evaluated(asked, LocalStore(output), "", output)
        result = replace(result, evaluation=found)
    return Frozen(str(output), result, artifact.manifest)


def _known(output: Path, record: Record) -> publish.Artifact | None:
    """The artifact in ``output``, where the same freeze made it and it is still whole."""
    if publish.provenance_of(output).get("index") != record.index:
        return None
    try:
        return publish.check(output)
    except UnavailableError:
        return None


def _fetched(freezing: Freezing, asked: Evaluating | None) -> Record:
    """Checkpoint and dataset: what is not there is said before the work."""
    record = freezing.fetch()
    if asked:
        asked.fetch()
    return record


def _evaluated(
    asked: Evaluating, store: ObjectStore, folder: str, artifact: Path | None
) -> Evaluated:
    """What the evaluation came to, now or before; ``artifact`` is None where it must be fetched."""
    if earlier := asked.earlier(store, folder):
        return earlier
    if artifact is None:
        name = folder.rpartition("/")[2]
        asked.download(store, name)
        artifact = asked.work.known / name
    asked.evaluate(artifact)
    return asked.publish(store, folder)


def _opened(url: str, environ: Mapping[str, str]) -> ObjectStore:
    try:
        return open_output(url, environ)
    except (BaseError, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"--output {url} cannot be opened: {first}. Check it and the credentials beside it",
        ) from error


def _to_store(freezing: Freezing, asked: Evaluating | None, url: str) -> Frozen:
    store = _opened(url, freezing.environ)
    record = _fetched(freezing, asked)
    with output_failures(url):
        known = index.look_up(store, record.index)
    if known:
        result = replace(known, reused=True)
    else:
        freezing.convert()
        result = freezing.publish(store)
    with output_failures(url):
        manifest = published(store, result.artifact)
    if manifest is None:
        raise UnavailableError(f"{url} lost {result.artifact} while it was written: freeze again")
    folder = contract.artifact_path(result.artifact)
    if asked:
        artifact = None if known else freezing.work.artifact
        with output_failures(url):
            found = _evaluated(asked, store, folder, artifact)
        result = replace(result, evaluation=found)
    return Frozen(f"{url}/{folder}", result, manifest)
