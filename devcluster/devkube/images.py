"""The cluster's own images, written without a builder: a tar of one layer and its papers."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

Files = dict[str, Path | str]  # Where in the image -> the file that goes there, or a link's target


def write_archive(target: Path, name: str, files: Files, config: dict[str, object]) -> None:
    """Write an OCI archive with one layer, which `ctr images import` knows by `name`."""
    layer = _layer(files)
    image = {
        "architecture": _architecture(),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = [layer, _json(image)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("application/vnd.oci.image.config.v1+json", blobs[1]),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    }
    blobs.append(_json(manifest))
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", blobs[2])
    entry["annotations"] = {"io.containerd.image.name": name}
    index = {"schemaVersion": 2, "manifests": [entry]}
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _json(index))
        for blob in blobs:
            _add(archive, "blobs/sha256/" + _digest(blob).removeprefix("sha256:"), blob)


def busybox_files(busybox: Path, applets: list[str]) -> Files:
    """A static busybox under every name it answers to."""
    links: Files = {f"bin/{applet}": "/bin/busybox" for applet in applets if applet != "busybox"}
    return {"bin/busybox": busybox, **links}


def _layer(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        folders = sorted({parent for path in files for parent in _parents(path)} | {"tmp"})
        for folder in folders:
            info = tarfile.TarInfo(folder)
            # Pods run as anybody and expect to be able to write to /tmp.
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            layer.addfile(info)
        for path, source in files.items():
            if isinstance(source, Path):
                _add(layer, path, source.read_bytes(), mode=0o755)
            else:
                _link(layer, path, source)
    return buffer.getvalue()


def _parents(path: str) -> list[str]:
    return [str(parent) for parent in Path(path).parents if str(parent) != "."]


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    archive.addfile(info)


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
