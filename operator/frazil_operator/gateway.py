"""The embedded store's administration: versitygw's accounts, buckets and who may do what.

The API is versitygw's own (``PATCH /create-user`` and so on, version 1.8, its ``s3api/controllers/
admin.go``), on the S3 port, with the root account's AWS Signature Version 4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION: Final = "us-east-1"  # versitygw's default; nothing depends on it but the signatures
REQUEST_SECONDS: Final = 10.0


class GatewayError(Exception):
    """The store refused a request, or did not answer."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may speak to the store; the secret shows in no log."""

    access: str
    secret: str = field(repr=False)


class Gateway:
    """One versitygw, as its root."""

    def __init__(self, endpoint: str, root: Account) -> None:
        self._endpoint = endpoint.rstrip("/")
        credentials = Credentials(root.access, root.secret)
        self._signer = SigV4Auth(credentials, "s3", REGION)

    async def ensure_account(self, account: Account) -> None:
        """The account exists, and has this secret."""
        body = _xml("Account", Access=account.access, Secret=account.secret, Role="user")
        if not await self._send("PATCH", "/create-user", body, known="XAdminUserExists"):
            path = f"/update-user?access={quote(account.access, safe='')}"
            await self._send("PATCH", path, _xml("MutableProps", Secret=account.secret))

    async def ensure_bucket(self, bucket: str) -> None:
        """The bucket exists, and is the root's own."""
        await self._send("PUT", f"/{bucket}", known="BucketAlready")

    async def set_policy(self, bucket: str, statements: Iterable[dict[str, Any]]) -> None:
        """Make these the statements of the bucket's policy, in AWS's language for it."""
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        await self._send("PUT", f"/{bucket}?policy=", json.dumps(policy).encode())

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        known: str = "",
    ) -> bool:
        """Send a signed request; False where it failed because of what ``known`` begins."""
        headers = {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
        request = AWSRequest(method, self._endpoint + path, data=body, headers=headers)
        self._signer.add_auth(request)
        limit = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        what = f"{method} {path.partition('?')[0]}"
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.request(
                    method, request.url, data=body, headers=dict(request.headers)
                ) as response,
            ):
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayError(f"the store does not answer {what}: {error!r}") from error
        if response.status < 300:
            return True
        code = _code(text)
        if known and code.startswith(known):
            return False
        raise GatewayError(f"the store refused {what}: {response.status} {code}")


def _xml(root: str, **fields: str) -> bytes:
    element = ET.Element(root)
    for name, value in fields.items():
        ET.SubElement(element, name).text = value
    return ET.tostring(element)


def _code(text: str) -> str:
    """The ``Code`` of an S3 error document; the beginning of anything else."""
    begin, end = text.find("<Code>"), text.find("</Code>")
    return text[begin + 6 : end] if 0 <= begin < end else text[:80]
