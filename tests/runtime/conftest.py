from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import azure, buckets, gcs
from fakes.s3 import Bucket, Server, server


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact that serves float32 [n, 784] → [n, 10]."""
    from fakes.artifacts import write_digits

    directory = tmp_path_factory.mktemp("digits")
    write_digits(directory)
    return directory


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real S3 server on loopback, with accounts as the chart's has."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "accounts").mkdir()
    with server(folder, "--iam-dir", str(folder / "accounts")) as running:
        yield running


@pytest.fixture(scope="session")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcs.Server]:
    """Google's object storage on loopback."""
    with gcs.server(tmp_path_factory.mktemp("gs")) as running:
        yield running


@pytest.fixture(scope="session")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Server]:
    """Azure's object storage on loopback."""
    with azure.server(tmp_path_factory.mktemp("az")) as running:
        yield running


@pytest.fixture(params=["s3", "gs", "az"])
def server_of_any(request: pytest.FixtureRequest) -> buckets.Server:
    """Of each provider in turn."""
    found: buckets.Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def any_bucket(server_of_any: buckets.Server) -> buckets.Bucket:
    """An empty bucket of the test's own, of each provider in turn."""
    return server_of_any.bucket()


@pytest.fixture
def bucket(s3: Server) -> Bucket:
    """An empty bucket of the test's own."""
    return s3.bucket()
