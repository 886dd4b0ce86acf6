"""A real S3 server on loopback: versitygw over a folder, as the chart's embedded store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from frazil_runtime import contract

from . import buckets
from .buckets import NOBODY
from .program import free_port, running, tool

KEY, SECRET = "tests", "only-for-these-tests"


@dataclass(frozen=True)
class Bucket(buckets.Bucket):
    """``folder`` is where the server keeps it: a file there is an object."""

    folder: Path


class Server:
    """The server; it makes buckets, each for one test."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.endpoint, self._folder, self._numbers = endpoint, folder, count()

    def bucket(self) -> Bucket:
        folder = self._folder / f"bucket-{next(self._numbers)}"
        folder.mkdir()
        return Bucket(
            url=f"s3://{folder.name}",
            environ={
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
            },
            store_environ={
                contract.ENV_STORE_URL: f"s3://{folder.name}",
                contract.ENV_STORE_ENDPOINT: self.endpoint,
                contract.ENV_STORE_ACCESS_KEY_ID: KEY,
                contract.ENV_STORE_SECRET_ACCESS_KEY: SECRET,
            },
            forged={
                "AWS_SECRET_ACCESS_KEY": "wrong",
                contract.ENV_STORE_SECRET_ACCESS_KEY: "wrong",
            },
            elsewhere={"AWS_ENDPOINT_URL": NOBODY, contract.ENV_STORE_ENDPOINT: NOBODY},
            page=1000,
            folder=folder,
        )


@contextmanager
def server(folder: Path, *options: str) -> Iterator[Server]:
    """Run versitygw over ``folder``; built first where the cache does not have it.

    ``options`` are further ones of the program, such as ``--iam-dir``.
    """
    port, data = free_port(), folder / "data"
    data.mkdir()
    command = [tool("versitygw"), "--port", f"127.0.0.1:{port}", "--quiet", *options]
    account = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with running([*command, "posix", str(data)], account, port, folder / "log"):
        yield Server(f"http://127.0.0.1:{port}", data)
