"""A real server of Azure's blob storage on loopback: Azurite, which keeps all in memory."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from frazil_runtime import contract

from .buckets import NOBODY, Bucket
from .program import free_port, running, tool

ACCOUNT = "tests"
KEY, WRONG = (base64.b64encode(key).decode() for key in (b"only-for-these-tests", b"wrong"))
_VERSION = "2023-11-03"  # of the protocol
_NO_HEADERS = "\n" * 12  # of those that are signed by their values alone


class Server:
    """The server; it makes containers, each for one test."""

    def __init__(self, port: int) -> None:
        self._port, self._numbers = port, count()

    def bucket(self, public: bool = False) -> Bucket:
        name = f"container-{next(self._numbers)}"
        endpoint = f"http://127.0.0.1:{self._port}/{ACCOUNT}"
        self._create(name, {"x-ms-blob-public-access": "container"} if public else {})
        return Bucket(
            url=f"az://{name}",
            environ={
                "AZURE_STORAGE_ENDPOINT": endpoint,
                "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
                "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            },
            store_environ={
                contract.ENV_STORE_URL: f"az://{name}",
                contract.ENV_STORE_ENDPOINT: endpoint,
                contract.ENV_STORE_ACCESS_KEY_ID: ACCOUNT,
                contract.ENV_STORE_SECRET_ACCESS_KEY: KEY,
            },
            forged={
                "AZURE_STORAGE_ACCOUNT_KEY": WRONG,
                contract.ENV_STORE_SECRET_ACCESS_KEY: WRONG,
            },
            elsewhere={"AZURE_STORAGE_ENDPOINT": NOBODY, contract.ENV_STORE_ENDPOINT: NOBODY},
            page=5000,
        )

    def _create(self, name: str, options: dict[str, str]) -> None:
        """Make a container: what object stores do not offer, so by the protocol itself.

        https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
        """
        date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        said = options | {"x-ms-date": date, "x-ms-version": _VERSION}
        headers = "".join(f"{key}:{value}\n" for key, value in said.items())
        signed = f"PUT{_NO_HEADERS}{headers}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
        said["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        with closing(HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers=said)
            answer = connection.getresponse()
            if answer.status != 201:
                raise RuntimeError(answer.read().decode())


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run Azurite; installed first where the cache does not have it."""
    port = free_port()
    command = [tool("azurite"), "--blobPort", str(port)]
    command += ["--inMemoryPersistence", "--disableTelemetry", "--silent"]
    with running(command, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}, port, folder / "log"):
        yield Server(port)
