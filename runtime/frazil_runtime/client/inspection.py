"""`frazil inspect`: what an artifact says of itself, for people and for machines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from frazil_runtime import contract
from frazil_runtime.artifacts import is_artifact_name, open_artifact
from frazil_runtime.client.tables import signature_rows, table
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError
from frazil_runtime.freeze.publish import PROVENANCE, provenance_of
from frazil_runtime.manifest import Manifest, ManifestError, Signature, artifact_digest
from frazil_runtime.objects import open_frazil_store, open_source
from frazil_runtime.transfer import STORE_ERRORS, Failure, explain, failure, size

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inspected:
    """An artifact's manifest, and its provenance: empty where there is none.

    ``checked`` says what of it was checked.
    """

    manifest: Manifest
    provenance: Record
    checked: str


def inspect(artifact: str, environ: Mapping[str, str] = os.environ) -> Inspected:
    """Read an artifact in a directory, at a URI or in the store of FRAZIL_STORE_*.

    A directory is read whole, of a store the two small documents. Raises ArtifactError.
    """
    place = artifact.removeprefix("file://")
    if not Path(place).is_dir() and (is_artifact_name(place) or "://" in place):
        return _in_store(artifact.rstrip("/"), environ)
    directory = open_artifact(artifact, environ, Path(place))  # a directory: nothing is fetched
    manifest = Manifest.from_json((directory / contract.MANIFEST).read_bytes())
    return Inspected(manifest, provenance_of(directory), "the digest of every file")


def as_json(inspected: Inspected) -> bytes:
    """One document: the manifest's own fields, and beside them digest and provenance."""
    record = {
        "digest": inspected.manifest.digest,
        **asdict(inspected.manifest),
        "provenance": inspected.provenance or None,
    }
    return orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def as_text(inspected: Inspected) -> str:
    """Some lines for a person."""
    manifest = inspected.manifest
    lines = [manifest.digest, f"  checked: {inspected.checked}"]
    for name, signature in manifest.signatures.items():
        default = " (default)" if name == manifest.default_signature else ""
        lines += ["", f"signature {name}{default}", *table(signature_rows(signature))]
        lines += [f"  {_traits(signature)}"]
    lines += ["", "graph", *table(_graph(manifest)), "", "files", *table(_files(manifest))]
    lines += ["", "provenance", *table(_provenance(inspected.provenance))]
    return "\n".join(lines) + "\n"


def _in_store(artifact: str, environ: Mapping[str, str]) -> Inspected:
    try:
        if is_artifact_name(artifact):
            if not environ.get(contract.ENV_STORE_URL):
                raise ArtifactError(f"{contract.ENV_STORE_URL} is not set: it says where to look")
            store, folder = open_frazil_store(environ), f"{contract.artifact_path(artifact)}/"
        else:
            store, folder = open_source(artifact, environ), ""
        text = bytes(store.get(f"{folder}{contract.MANIFEST}").bytes())
        try:
            origin = orjson.loads(bytes(store.get(f"{folder}{PROVENANCE}").bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError):
            origin = {}
    except STORE_ERRORS as error:
        kind = failure(error)
        message = f"{artifact}: {kind.value} in the store: {explain(error)}"
        if kind is Failure.NOT_FOUND:
            raise ArtifactError(message) from error
        raise ArtifactUnavailableError(message) from error
    return Inspected(_named(text, artifact), origin, "the manifest's digest; no file was fetched")


def _named(text: bytes, artifact: str) -> Manifest:
    """The manifest, where it is the one that the artifact is named after, if it is."""
    name = artifact.rpartition("/")[2]
    if is_artifact_name(name) and artifact_digest(text) != name:
        raise ArtifactError(f"{artifact} is corrupt: its manifest is {artifact_digest(text)}")
    try:
        return Manifest.from_json(text)
    except ManifestError as error:
        raise ArtifactError(f"{artifact}: {error}") from error


def _traits(signature: Signature) -> str:
    batchable = "batchable" if signature.batchable else "not batchable: each request runs alone"
    certain = "deterministic" if signature.deterministic else "not deterministic: nothing is cached"
    return f"{batchable}; {certain}; {signature.method}"


def _graph(manifest: Manifest) -> list[tuple[str, str]]:
    tables = len(manifest.initialization)
    assets = ", ".join(asset.file for asset in manifest.assets)
    return [
        ("loops", "yes: what a run costs depends on the data" if manifest.loops else "none"),
        ("tables", f"{tables} operations fill them" if tables else "none"),
        ("assets", assets or "none"),
    ]


def _files(manifest: Manifest) -> list[tuple[str, ...]]:
    rows = [(name, size(file.bytes), file.sha256[:16]) for name, file in manifest.files.items()]
    return [*rows, ("in all", size(sum(file.bytes for file in manifest.files.values())), "")]


def _provenance(record: Record) -> list[tuple[str, str]]:
    if not record:
        return [("unknown:", f"there is no {PROVENANCE} beside the manifest")]
    request = record.get("request", {})
    samples = request.get("samples") or "the model's own, else made from its signature"
    tolerance = request.get("tolerance")
    rows = [
        ("checkpoint", request.get("uri")),
        ("", record.get("checkpoint")),
        ("size", size(record.get("checkpoint_bytes", 0))),
        ("options", _options(request)),
        ("TensorFlow", record.get("tensorflow")),
        ("freezer", record.get("freezer")),
        ("CPU", re.sub(r"\s+", " ", str(record.get("cpu", "")))[:60]),
        ("converted in", f"{record.get('conversion', {}).get('seconds', 0):.1f} s"),
        ("proof", f"answers as the checkpoint does, to {tolerance} relative and absolute"),
        ("proved with", samples),
    ]
    return [(key, str(value)) for key, value in rows if value]


def _options(request: Record) -> str:
    names = ("format", "inputs", "outputs", "feeds")
    given = ((name, request.get(name)) for name in names)
    return ", ".join(f"{k} {_option(v)}" for k, v in given if v and v != "Auto")


def _option(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return " ".join(f"{k}={v}" for k, v in value.items())
