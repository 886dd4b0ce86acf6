"""Images and their URIs through a real `frazil serve`, in every protocol and by stock clients."""

from __future__ import annotations

import io
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiohttp import web
from fakes import artifacts
from fakes.https import certificate, https_server
from fakes.s3 import Bucket, server
from fakes.serving import Serving, serving
from PIL import Image as Picture

from frazil_runtime.contract import Policy
from frazil_runtime.fetch import Fetcher
from frazil_runtime.fetch_https import HttpsSource
from frazil_runtime.input_cache import InputCache
from frazil_runtime.inputs import Inputs
from frazil_runtime.manifest import Manifest
from frazil_runtime.preprocess import Preprocessor
from frazil_runtime.uris import Uri

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".clients/bin/python"
SECONDS = 240
COLOUR = (200, 100, 50)
HALF = [100, 50, 25]
NEAR = {"abs": 2}  # what a JPEG makes of one colour


def jpeg() -> bytes:
    file = io.BytesIO()
    Picture.new("RGB", (32, 24), COLOUR).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("photo")
    artifacts.write_photo(directory)
    return directory


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """With a photo at /open and /secret."""
    folder = tmp_path_factory.mktemp("a")
    (folder / "a.jpg").write_bytes(jpeg())
    with server(tmp_path_factory.mktemp("s3")) as running:
        made = running.bucket()
        for place in ("open", "secret"):
            made.upload(folder, place)
        yield made


@dataclass
class Photos:
    """A server that runs; ``policy`` is the file it follows."""

    process: Serving
    url: str
    grpc: str
    policy: Path
    bucket: Bucket

    def follow(self, number: int, **allow: list[str]) -> None:
        """Have it follow another policy, and wait until it does."""
        new = self.policy.with_suffix(".new")
        new.write_text(Policy(number=number, allow=allow).to_json())
        new.replace(self.policy)
        self.process.wait_for(rf"policy {number}:")

    def predict(self, element: Any) -> httpx.Response:
        body = {"instances": [element]}
        return httpx.post(f"{self.url}/v1/models/photos:predict", json=body, timeout=60)


@pytest.fixture
def photos(artifact: Path, bucket: Bucket, tmp_path: Path) -> Iterator[Photos]:
    policy = tmp_path / "policy.json"
    policy.write_text(Policy(number=1, allow={"photo": [f"{bucket.url}/open"]}).to_json())
    flags = ("--name=photos", "--grpc-port=0", "--policy", str(policy))
    with serving(artifact, *flags, **bucket.environ) as process:
        url = process.address("listening")
        grpc = process.wait_for(r"gRPC on (\S+)")[1]
        process.wait_for("ready in")
        yield Photos(process, url, grpc, policy, bucket)


def test_an_image_is_predicted_from_its_bytes_and_from_its_uri(photos: Photos) -> None:
    for element in (
        {"b64": b64encode(jpeg()).decode()},
        {"uri": f"{photos.bucket.url}/open/a.jpg"},
        np.tile(np.float32(HALF), (6, 4, 1)).tolist(),
    ):
        answer = photos.predict(element)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"] == [pytest.approx(HALF, **NEAR)]


def test_what_may_be_named_follows_the_policy_without_a_restart(photos: Photos) -> None:
    secret = {"uri": f"{photos.bucket.url}/secret/a.jpg"}
    refused = photos.predict(secret)
    assert refused.status_code == 400
    assert "no prefix in fetch.allow covers it" in refused.json()["error"]
    photos.follow(2, photo=[f"{photos.bucket.url}/secret"])
    assert photos.predict(secret).status_code == 200
    assert photos.predict({"uri": f"{photos.bucket.url}/open/a.jpg"}).status_code == 400


def test_a_private_address_is_refused_though_its_name_is_allowed(photos: Photos) -> None:
    photos.follow(2, photo=["https://localhost"])
    answer = photos.predict({"uri": "https://localhost/a.jpg"})
    assert answer.status_code == 400
    assert "private or reserved address" in answer.json()["error"]


@pytest.mark.parametrize(
    "script", ["images_tritonclient.py", "images_kserve.py", "images_tensorflow_serving.py"]
)
def test_a_stock_client_sends_images(photos: Photos, tmp_path: Path, script: str) -> None:
    assert PYTHON.exists(), "the clients are not installed: run `make setup`"
    image = tmp_path / "a.jpg"
    image.write_bytes(jpeg())
    ports = (photos.url.removeprefix("http://"), photos.grpc)
    uri = f"{photos.bucket.url}/open/a.jpg"
    done = subprocess.run(
        [PYTHON, ROOT / "tests/clients" / script, *ports, image, uri, json.dumps(HALF)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_an_image_is_fetched_over_https_and_prepared(artifact: Path, tmp_path: Path) -> None:
    """In this process: a server of this machine has no public address."""

    async def site(request: web.Request) -> web.StreamResponse:
        return web.Response(body=jpeg(), headers={"ETag": '"1"'})

    async def loopback(host: str) -> list[str]:
        return ["127.0.0.1"]

    tls = certificate(tmp_path)
    manifest = Manifest.from_json((artifact / "manifest.json").read_bytes())
    async with https_server(tls[0], site) as running:
        source = HttpsSource(loopback, lambda address: True, tls[1])
        inputs = Inputs(
            *(Preprocessor(artifact, manifest), Fetcher({"https": source}, seconds=30)),
            *({}, InputCache(10**6, manifest.digest)),
        )
        inputs.follow(Policy(allow={"photo": [running.url("/photos")]}))
        sent = np.empty(1, object)
        sent[0] = Uri(running.url("/photos/a.jpg"))
        rows = (await inputs.resolve({"photo": sent}))["photo"]
        assert rows.shape == (1, *artifacts.PHOTO)
        assert rows[0, 0, 0].tolist() == pytest.approx(HALF, **NEAR)
        await inputs.close()
