"""Images: the archives that are written by hand, and the names of those that are pushed."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from devkube.buildah import split
from devkube.images import busybox_files, write_archive


def read(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        member = opened.extractfile(name)
        assert member is not None
        return member.read()


def test_an_archive_holds_what_its_papers_say(tmp_path: Path) -> None:
    program = tmp_path / "busybox"
    program.write_bytes(b"a program")
    files = busybox_files(program, ["sh", "busybox"])
    archive = tmp_path / "image.tar"
    write_archive(archive, "localhost/app:1", files, {"Entrypoint": ["/bin/sh"]})

    (entry,) = json.loads(read(archive, "index.json"))["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/app:1"
    manifest = json.loads(read(archive, blob(entry)))
    for descriptor in (entry, manifest["config"], *manifest["layers"]):
        content = read(archive, blob(descriptor))
        assert descriptor["size"] == len(content)
        assert descriptor["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()


def test_a_layer_holds_program_and_links(tmp_path: Path) -> None:
    program = tmp_path / "busybox"
    program.write_bytes(b"a program")
    archive = tmp_path / "image.tar"
    write_archive(archive, "app", busybox_files(program, ["sh", "busybox"]), {})
    (entry,) = json.loads(read(archive, "index.json"))["manifests"]
    (layer,) = json.loads(read(archive, blob(entry)))["layers"]
    (tmp_path / "layer.tar").write_bytes(read(archive, blob(layer)))
    with tarfile.open(tmp_path / "layer.tar") as opened:
        assert opened.getmember("bin/sh").linkname == "/bin/busybox"
        assert opened.getmember("bin/busybox").mode == 0o755
        assert opened.getmember("tmp").mode == 0o1777


def blob(descriptor: dict[str, str]) -> str:
    return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("app", ("app", "latest")),
        ("localhost/app:1", ("app", "1")),
        ("localhost/team/app", ("team/app", "latest")),
        ("registry.example:5000/team/app:1", ("team/app", "1")),
        ("team/app:1", ("team/app", "1")),
        ("localhost/app@sha256:abc", ("app", "latest")),
    ],
)
def test_an_image_keeps_its_name_but_not_its_registry(
    image: str, expected: tuple[str, str]
) -> None:
    assert split(image) == expected
