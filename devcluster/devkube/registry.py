"""Putting an image into the cluster's registry as it is: no layer is compressed on the way.

buildah compresses whatever it pushes to a registry, asked to or not. That takes most of a minute
a gigabyte, and containerd must then undo it; both ends are this machine.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from devkube.problem import Problem


def upload(folder: Path, registry: str, name: str, tags: Sequence[str]) -> str:
    """Upload the image in a folder that `buildah push dir:` wrote; returns its digest."""
    manifest = (folder / "manifest.json").read_bytes()
    image = json.loads(manifest)
    for descriptor in (image["config"], *image["layers"]):
        file = folder / descriptor["digest"].removeprefix("sha256:")
        _upload_blob(registry, name, file, descriptor["digest"])
    for tag in tags:
        place = f"/v2/{name}/manifests/{tag}"
        _expect(registry, "PUT", place, 201, body=manifest, kind=image["mediaType"])
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def digest_of(registry: str, name: str, tag: str) -> str | None:
    """The digest of the image that has a tag in the registry."""
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    answer = _ask(registry, "HEAD", f"/v2/{name}/manifests/{tag}", headers=accept)
    return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None


def _upload_blob(registry: str, name: str, file: Path, digest: str) -> None:
    if _ask(registry, "HEAD", f"/v2/{name}/blobs/{digest}").status == 200:
        return
    begun = _expect(registry, "POST", f"/v2/{name}/blobs/uploads/", 202)
    location = urlsplit(begun.headers["Location"])
    place = f"{location.path}?{location.query}&digest={digest}"
    with file.open("rb") as body:
        # A file has no length of its own to http.client: it would send it in chunks.
        size = {"Content-Length": str(file.stat().st_size)}
        _expect(registry, "PUT", place, 201, body=body, kind="application/octet-stream", more=size)


def _expect(
    registry: str,
    method: str,
    place: str,
    status: int,
    *,
    body: bytes | BinaryIO | None = None,
    kind: str = "",
    more: dict[str, str] | None = None,
) -> http.client.HTTPResponse:
    headers = ({"Content-Type": kind} if kind else {}) | (more or {})
    answer = _ask(registry, method, place, body, headers)
    if answer.status != status:
        raise Problem(
            f"The registry {registry} answered {method} {place} with {answer.status} "
            f"{answer.reason}. Its log is registry.log; `devcluster status` says where."
        )
    return answer


def _ask(
    registry: str,
    method: str,
    place: str,
    body: bytes | BinaryIO | None = None,
    headers: dict[str, str] | None = None,
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(registry, timeout=300, blocksize=1 << 20)
    try:
        connection.request(method, place, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
    except OSError as error:
        raise Problem(
            f"The registry {registry} does not answer ({error}). Is the cluster up? "
            "`devcluster status` tells."
        ) from error
    finally:
        connection.close()
    return answer
