"""Uploading to a registry: what is sent, to a registry that only remembers."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from devkube import registry
from devkube.problem import Problem


class Registry(ThreadingHTTPServer):
    """Takes every blob and manifest at its word."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.held: dict[str, bytes] = {}
        self.sent = 0
        self.address = f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_HEAD(self) -> None:
        held = self.server.held.get(self.path)
        digest = "sha256:" + hashlib.sha256(held or b"").hexdigest()
        self.answer(404 if held is None else 200, {"Docker-Content-Digest": digest})

    def do_POST(self) -> None:
        self.answer(202, {"Location": f"http://{self.server.address}{self.path}42?state=s"})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path, _, query = self.path.partition("?")
        if query:
            path = path.replace("uploads/42", query.rpartition("digest=")[2])
        self.server.held[path] = body
        self.server.sent += 1
        self.answer(201, {})

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def server() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image as `buildah push dir:` writes it."""
    digests = []
    for content in (b"config", b"layer"):
        name = hashlib.sha256(content).hexdigest()
        (tmp_path / name).write_bytes(content)
        digests.append({"digest": f"sha256:{name}"})
    manifest = {"mediaType": "manifest/test", "config": digests[0], "layers": digests[1:]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_an_image_arrives_whole_and_is_found_by_its_tags(server: Registry, image: Path) -> None:
    digest = registry.upload(image, server.address, "team/app", ["1", "id-x"])
    blobs = [body for path, body in server.held.items() if "/blobs/" in path]
    assert blobs == [b"config", b"layer"]
    assert registry.digest_of(server.address, "team/app", "1") == digest
    assert registry.digest_of(server.address, "team/app", "id-x") == digest
    assert registry.digest_of(server.address, "team/app", "2") is None


def test_a_layer_that_is_there_is_not_sent_again(server: Registry, image: Path) -> None:
    registry.upload(image, server.address, "app", ["1"])
    before = server.sent
    registry.upload(image, server.address, "app", ["2"])
    assert server.sent == before + 1  # the manifest


def test_a_registry_that_does_not_answer_is_told_with_what_to_do(image: Path) -> None:
    with pytest.raises(Problem, match="does not answer"):
        registry.upload(image, "127.0.0.1:1", "app", ["1"])
