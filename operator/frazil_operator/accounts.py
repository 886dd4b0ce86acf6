"""What a namespace has in the embedded store: a bucket, who writes it, who reads it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Final

from frazil_operator import names
from frazil_operator.cluster import Cluster
from frazil_operator.gateway import REGION, Account, Gateway
from frazil_operator.secret import secret_object, write
from frazil_operator.settings import Settings
from frazil_runtime import contract

_MAX_BUCKET: Final = 63  # S3's limit
_ADVICE: Final = (
    "delete it, and Frazil makes its own for the store in the cluster; or keep it, and name the "
    "bucket that it is for in the chart's store.url"
)
_WRITE: Final = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


class StoreAccounts:
    """``await accounts(namespace)`` gives a namespace its bucket and its two Secrets.

    It may be done any number of times: keys are derived from the operator's root key, not drawn,
    and the Secrets are written without being read. Raises GatewayError, and TakenError where a
    Secret of that name is somebody else's.
    """

    def __init__(self, cluster: Cluster, gateway: Gateway, root_key: str, endpoint: str) -> None:
        self._cluster = cluster
        self._gateway = gateway
        self._root_key = root_key
        self._endpoint = endpoint

    @classmethod
    def of(cls, settings: Settings, cluster: Cluster) -> StoreAccounts | None:
        """None where the bucket is the user's own: then its Secrets are the user's to provide."""
        if not settings.embedded_store:
            return None
        root = Account(settings.store_root_access_key, settings.store_root_secret_key)
        gateway = Gateway(settings.store_endpoint, root)
        return cls(cluster, gateway, settings.root_key, settings.store_endpoint)

    async def __call__(self, namespace: str) -> None:
        """Accounts first, then the bucket, the Secrets last: what a pod can see works."""
        bucket = bucket_name(namespace)
        reader = self._account(namespace, "read")
        writer = self._account(namespace, "write")
        await self._gateway.ensure_account(reader)
        await self._gateway.ensure_account(writer)
        await self._gateway.ensure_bucket(bucket)
        await self._gateway.set_policy(bucket, policy(bucket, reader, writer))
        for name, account in ((names.STORE_READ, reader), (names.STORE_WRITE, writer)):
            values = environment(bucket, account, self._endpoint)
            await write(self._cluster, secret_object(namespace, name, values), _ADVICE)

    def _account(self, namespace: str, purpose: str) -> Account:
        secret = derive(self._root_key, f"store/{namespace}/{purpose}")
        return Account(f"{bucket_name(namespace)}-{purpose}", secret)


def bucket_name(namespace: str) -> str:
    """``frazil-<namespace>``, cut and made distinct again where that is too long for a bucket."""
    name = f"frazil-{namespace}"
    if len(name) <= _MAX_BUCKET:
        return name
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:8]
    return f"{name[: _MAX_BUCKET - 9]}-{digest}"


def derive(root_key: str, purpose: str) -> str:
    """32 bytes for one purpose, as URL-safe base64: HKDF with SHA-256 (RFC 5869), no salt."""
    key = hmac.digest(bytes(32), root_key.encode(), "sha256")
    block = hmac.digest(key, purpose.encode() + b"\x01", "sha256")
    return base64.urlsafe_b64encode(block).decode().rstrip("=")


def policy(bucket: str, reader: Account, writer: Account) -> list[dict[str, Any]]:
    """Both read; the writer adds objects as well. Neither deletes or changes the policy: the
    bucket is the root account's."""
    folder = f"arn:aws:s3:::{bucket}"
    objects = f"{folder}/*"
    return [
        _allow((reader, writer), ("s3:ListBucket",), folder),
        _allow((reader, writer), ("s3:GetObject",), objects),
        _allow((writer,), _WRITE, objects),
    ]


def _allow(who: Iterable[Account], actions: Iterable[str], resource: str) -> dict[str, Any]:
    principal = {"AWS": [account.access for account in who]}
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": list(actions),
        "Resource": resource,
    }


def environment(bucket: str, account: Account, endpoint: str) -> dict[str, str]:
    """What becomes the environment of the freezer or of the runtime."""
    return {
        contract.ENV_STORE_URL: f"s3://{bucket}",
        contract.ENV_STORE_ENDPOINT: endpoint,
        contract.ENV_STORE_REGION: REGION,
        contract.ENV_STORE_ACCESS_KEY_ID: account.access,
        contract.ENV_STORE_SECRET_ACCESS_KEY: account.secret,
    }
