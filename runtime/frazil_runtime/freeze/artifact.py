"""The artifact's files on disk, its manifest last."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from frazil_runtime import contract, warmup
from frazil_runtime.freeze.graphdef import has_loops
from frazil_runtime.freeze.image_graph import FILE, Preprocessing
from frazil_runtime.freeze.proof import Proved
from frazil_runtime.manifest import Asset, File, Manifest

ASSETS = "assets"


def write(
    proved: Proved, destination: Path, preprocessing: Preprocessing | None = None
) -> Manifest:
    """Write graphs, warm-up requests, assets and manifest below ``destination``."""
    frozen = proved.frozen
    destination.mkdir(parents=True, exist_ok=True)
    graph = frozen.graph.SerializeToString(deterministic=True)
    (destination / contract.GRAPH).write_bytes(graph)
    (destination / contract.WARMUP).write_bytes(warmup.dump(proved.warmup))
    files = asset_files(frozen.assets)
    for path, name in files.items():
        _copy(path, destination / name)
    assets = {tensor: files[path] for tensor, path in frozen.assets.items()}
    names = sorted({contract.GRAPH, contract.WARMUP, *assets.values()})
    if preprocessing:
        graph = preprocessing.graph.SerializeToString(deterministic=True)
        (destination / FILE).write_bytes(graph)
        names = sorted({*names, FILE})
    manifest = Manifest(
        signatures=frozen.signatures,
        default_signature=frozen.default,
        files={name: _described(destination / name) for name in names},
        loops=has_loops(frozen.graph),
        initialization=frozen.initialization,
        assets=tuple(Asset(tensor, assets[tensor]) for tensor in sorted(assets)),
        images=preprocessing.images if preprocessing else {},
    )
    (destination / contract.MANIFEST).write_bytes(manifest.to_json())
    return manifest


def asset_files(assets: Mapping[str, Path]) -> dict[Path, str]:
    """Where in the artifact each file goes, by its own name; of files of one name, by number."""
    files: dict[Path, str] = {}
    for _, path in sorted(assets.items()):
        if path in files:
            continue
        name, number = path.name, 0
        while f"{ASSETS}/{name}" in files.values():
            number += 1
            name = f"{path.stem}_{number}{path.suffix}"
        files[path] = f"{ASSETS}/{name}"
    return files


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, target)


def _described(path: Path) -> File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(sha256=digest, bytes=path.stat().st_size)
