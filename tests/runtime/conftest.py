from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
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


@pytest.fixture
def bucket(s3: Server) -> Bucket:
    """An empty bucket of the test's own."""
    return s3.bucket()
