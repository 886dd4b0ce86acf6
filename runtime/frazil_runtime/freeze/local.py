"""`frazil freeze` on one machine: the stages in a row, without a Job around them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze import index, publish
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
) -> Frozen:
    """Freeze ``request`` to ``output``: a directory, or the URL of a store.

    A directory holds the one artifact; a store all of them, below ``artifacts/``, and the index.
    Both remember what was frozen. Raises FreezeError and UnavailableError.
    """
    with tempfile.TemporaryDirectory(prefix="frazil-") as scratch:
        freezing = Freezing(request, Work(Path(scratch)), environ, progress, converter)
        if "://" in output:
            return _to_store(freezing, output.rstrip("/"))
        return _to_directory(freezing, Path(output))


def _to_directory(freezing: Freezing, output: Path) -> Frozen:
    publish.old_files(output)  # refuses before the work, not after
    record = freezing.fetch()
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
    return Frozen(str(output), result, artifact.manifest)


def _known(output: Path, record: Record) -> publish.Artifact | None:
    """The artifact in ``output``, where the same freeze made it and it is still whole."""
    if publish.provenance_of(output).get("index") != record.index:
        return None
    try:
        return publish.check(output)
    except UnavailableError:
        return None


def _opened(url: str, environ: Mapping[str, str]) -> ObjectStore:
    try:
        return open_output(url, environ)
    except (BaseError, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"--output {url} cannot be opened: {first}. Check it and the credentials beside it",
        ) from error


def _to_store(freezing: Freezing, url: str) -> Frozen:
    store = _opened(url, freezing.environ)
    record = freezing.fetch()
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
    return Frozen(f"{url}/{contract.artifact_path(result.artifact)}", result, manifest)
