"""Images on the host: pushing them to the cluster, and a base to build them on."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from devkube import registry
from devkube.config import Cluster
from devkube.problem import Problem
from devkube.shell import run, say, show, succeeds

_RELEASE = "bookworm"
_PACKAGES = ("python3", "python3-venv", "ca-certificates", "libstdc++6")
# Nothing in a container reads these, and they are a third of the image.
_LEAVE_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
_EMPTY = ("var/cache/apt", "var/lib/apt/lists", "var/log")


def push(cluster: Cluster, image: str) -> str:
    """Push an image of buildah's local storage; returns the reference that pods use."""
    name, tag = split(image)
    # An image that is there is known by a tag of its own: exporting it to see takes seconds.
    tags = ("id-" + _image_id(image), tag)
    digest = registry.digest_of(cluster.registry, name, tags[0])
    if digest is None or digest != registry.digest_of(cluster.registry, name, tag):
        digest = _upload(cluster, image, name, tags)
    return f"{cluster.registry}/{name}@{digest}"


def _image_id(image: str) -> str:
    argv = ["buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", image]
    if not succeeds(argv):
        raise Problem(
            f"There is no image {image} in buildah's local storage. `buildah images` lists what "
            f"there is; build it with `buildah bud --isolation chroot -t {image} .`."
        )
    return run(argv).strip()


def _upload(cluster: Cluster, image: str, name: str, tags: tuple[str, str]) -> str:
    # Below the state folder: on the disk that holds the images anyway, and `down` removes it.
    with tempfile.TemporaryDirectory(dir=cluster.state, prefix="push-") as scratch:
        plain = ["--quiet", "--format", "oci", "--disable-compression"]
        run(["buildah", "push", *plain, image, f"dir:{scratch}"])
        return registry.upload(Path(scratch), cluster.registry, name, tags)


def split(image: str) -> tuple[str, str]:
    """Name and tag of an image, without the registry it says it comes from."""
    name, _, _ = image.partition("@")
    first, slash, rest = name.partition("/")
    # The rule of every image tool: a first part with a dot or a colon, or localhost, is a host.
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest
    name, _, tag = name.partition(":")
    return name, tag or "latest"


def base_image(cache: Path) -> str:
    """A slim Debian with Python 3.11, in buildah's local storage; made unless it is there."""
    recipe = " ".join((_RELEASE, *_PACKAGES, *_LEAVE_OUT, *_EMPTY))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    image = f"localhost/frazil-python:3.11-{_RELEASE}-{key}"
    if not succeeds(["buildah", "inspect", "--type", "image", image]):
        _import(_archive(cache / f"python-{_RELEASE}-{key}.tar"), image)
    return image


def _archive(target: Path) -> Path:
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    say(f"Making a Debian {_RELEASE} with Python (1 min)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as scratch:
        root, archive = Path(scratch) / "root", Path(scratch) / "root.tar"
        include = f"--include={','.join(_PACKAGES)}"
        show(["debootstrap", "--variant=minbase", include, _RELEASE, root])
        for place in _LEAVE_OUT:
            shutil.rmtree(root / place, ignore_errors=True)
        for place in _EMPTY:
            _empty(root / place)
        run(["tar", "--create", "--numeric-owner", "-C", root, "-f", archive, "."])
        archive.rename(target)
    return target


def _empty(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.unlink()


def _import(archive: Path, image: str) -> None:
    container = run(["buildah", "from", "scratch"]).strip()
    try:
        # Our stdout carries the image's name alone: what buildah prints is swallowed by `run`.
        run(["buildah", "add", container, archive, "/"])
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        run(["buildah", "config", "--env", path, "--cmd", "python3", container])
        run(["buildah", "commit", container, image])
    finally:
        run(["buildah", "rm", container])
