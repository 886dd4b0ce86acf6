"""One freeze: fetch, convert and publish, over a folder in which each stage leaves its work."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze import index, publish
from frazil_runtime.freeze.location import shown
from frazil_runtime.freeze.outcome import store_failures
from frazil_runtime.freeze.progress import Progress, bar
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.source import Fetched, fetch, fetch_file, find
from frazil_runtime.freeze.work import Record, Work
from frazil_runtime.manifest import Manifest
from frazil_runtime.request_signatures import dtypes_as_requested
from frazil_runtime.transfer import size

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Converter = Callable[[Path, FreezeRequest, Path, Progress, Path | None], Manifest]


def tensorflow(
    source: Path, request: FreezeRequest, destination: Path, progress: Progress, npz: Path | None
) -> Manifest:
    """The Converter: convert.convert, imported when it is needed."""
    from frazil_runtime.freeze.convert import convert  # noqa: PLC0415 - imports TensorFlow

    return convert(source, request, destination, progress, npz)


@dataclass(frozen=True, slots=True)
class Freezing:
    """One freeze. ``environ`` has the source's credentials while it fetches.

    Its methods raise FreezeError where the user must act, UnavailableError where the store, the
    network or the disk is at fault.
    """

    request: FreezeRequest
    work: Work
    environ: Mapping[str, str]
    progress: Progress
    converter: Converter = tensorflow

    def fetch(self) -> Record:
        """Fetch checkpoint and samples and note what they are.

        DIGEST_MISMATCH where the checkpoint is not the pinned one.
        """
        shutil.rmtree(self.work.fetched, ignore_errors=True)
        source = find(self.request.uri, self.environ)
        self.progress(f"fetching {source.uri}: {len(source.files)} files, {size(source.bytes)}")
        with bar(source.bytes) as received:
            got = fetch(source, self.work.source, received)
        self.progress(f"checkpoint {got.digest}")
        self._require_pinned(got)
        samples = self._fetch_samples()
        freezer, cpu = index.freezer_version(self.environ), index.cpu_type()
        record = Record(
            uri=source.uri,
            path=str(got.path.relative_to(self.work.source)),
            checkpoint=got.digest,
            bytes=got.bytes,
            samples=samples,
            index=index.index_key(got.digest, samples, self.request, freezer, cpu),
        )
        self.work.record.write_text(json.dumps(asdict(record)))
        return record

    def convert(self) -> None:
        """Freeze what was fetched."""
        record = Record.read(self.work.record)
        shutil.rmtree(self.work.converted, ignore_errors=True)
        self.work.artifact.mkdir(parents=True)
        source = self.work.source / record.path
        samples = self.work.samples if record.samples else None
        began = time.monotonic()
        self.converter(source, self.request, self.work.artifact, self.progress, samples)
        seconds = round(time.monotonic() - began, 3)
        self.work.report.write_text(json.dumps({"seconds": seconds}))
        self.progress(f"converted in {seconds:.1f} s")

    def publish(self, store: ObjectStore) -> FreezeResult:
        """Check what was converted, publish it in ``store`` and enter it in the index there."""
        record, artifact = Record.read(self.work.record), publish.check(self.work.artifact)
        publish.to_store(artifact, self.provenance(), store, self.progress)
        result = FreezeResult(
            *(artifact.name, record.checkpoint, record.bytes, artifact.bytes),
            inputs=dtypes_as_requested(artifact.manifest),
        )
        with store_failures():
            index.enter(store, record.index, result)
        return result

    def provenance(self) -> dict[str, Any]:
        """What stands beside the artifact, outside its digest: where it comes from."""
        record = Record.read(self.work.record)
        samples = shown(self.request.samples)
        return {
            "checkpoint": record.checkpoint,
            "checkpoint_bytes": record.bytes,
            "conversion": json.loads(self.work.report.read_text()),
            "cpu": index.cpu_type(),
            "freezer": index.freezer_version(self.environ),
            "index": record.index,
            "request": asdict(replace(self.request, uri=record.uri, samples=samples)),
            "tensorflow": index.tensorflow_version(),
        }

    def _fetch_samples(self) -> str:
        if not self.request.samples:
            return ""
        self.progress(f"fetching {shown(self.request.samples)}")
        field = "spec.checkpoint.samples"
        return fetch_file(self.request.samples, field, self.work.samples, self.environ).sha256

    def _require_pinned(self, got: Fetched) -> None:
        if self.request.digest not in ("", got.digest):
            raise FreezeError(
                Exit.DIGEST_MISMATCH,
                f"{shown(self.request.uri)} has the digest {got.digest}, but the one asked for is "
                f"{self.request.digest}. Put the right files there, or pin the other digest in "
                "spec.checkpoint.digest",
            )
