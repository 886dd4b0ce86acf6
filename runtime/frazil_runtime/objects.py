"""Opens object stores: the checkpoint's (its AWS_*, GOOGLE_*, AZURE_*) and Frazil's own.

Never one with the other's settings: obstore fills what it is not told from the process's
environment, so what must not come from there is always told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from obstore.store import AzureStore, GCSStore, HTTPStore, LocalStore, S3Store

from frazil_runtime import contract

if TYPE_CHECKING:  # obstore has these as types alone
    from obstore.store import (
        AzureConfig,
        ClientConfig,
        GCSConfig,
        ObjectStore,
        RetryConfig,
        S3Config,
        S3Credential,
    )

# A transfer ends when it stalls, not when it is long: obstore's default is 30 s for all of it.
_CLIENT: Final[ClientConfig] = {
    "connect_timeout": "5s",
    "read_timeout": "30s",
    "timeout": "1day",
}
# Seconds, not minutes: whoever called is tried again by Kubernetes, and says why meanwhile.
_RETRY: Final[RetryConfig] = {"max_retries": 7, "retry_timeout": timedelta(seconds=60)}
# Whoever sent the request is waiting, and may try again.
_NO_RETRY: Final[RetryConfig] = {"max_retries": 1, "retry_timeout": timedelta(seconds=2)}
# How a cluster gives a pod its own identity; every other variable of a provider is the source's.
_IDENTITY: Final = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TENANT_ID",
)

# What obstore reads of a provider, by the names in its documentation.
_GOOGLE: Final = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_BASE_URL",
    "GOOGLE_SKIP_SIGNATURE",
)
_AZURE: Final = (
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_ENDPOINT",
    "AZURE_STORAGE_USE_EMULATOR",
    "AZURE_SKIP_SIGNATURE",
    "AZURE_CREDENTIAL_TYPE",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_TENANT_ID",
    "AZURE_TENANT_ID",
    "AZURE_STORAGE_AUTHORITY_HOST",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_FABRIC_ENDPOINT",
    "AZURE_STORAGE_ENCRYPTION_KEY",
)
_GOOGLES_OWN: Final = "https://storage.googleapis.com"
# What is http:// was named so by whoever wrote the endpoint; the providers' own are https://.
_NAMED: Final[dict[str, Any]] = {
    "client_options": _CLIENT | {"allow_http": True},
    "retry_config": _RETRY,
}

_OF_THE_POD: Final = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def open_source(url: str, environ: Mapping[str, str]) -> ObjectStore:
    """A store rooted at ``url``, with the credentials that the provider's own variables name.

    s3:// reads AWS_* (an AWS_ENDPOINT_URL means path-style addressing, http allowed), gs:// and
    az:// what obstore reads of GOOGLE_* and AZURE_* (an endpoint may be http too), https://
    nothing: a query in the URL, such as a signature, goes with every request. Raises obstore's
    errors and ValueError.
    """
    if url.startswith("s3://"):
        return _s3(url, **_named(environ))
    if url.startswith(("https://", "http://")):
        return HTTPStore(url, **_NAMED)
    if url.startswith("gs://"):
        return GCSStore.from_url(url, config=_set(environ, _GOOGLE), **_NAMED)
    if url.startswith("az://"):
        return AzureStore.from_url(url, config=_set(environ, _AZURE), **_NAMED)
    if url.startswith("file://"):
        return LocalStore.from_url(url)
    raise ValueError(f"{url.partition('://')[0]}:// is no scheme of a store")


def open_input_bucket(bucket: str, environ: Mapping[str, str]) -> ObjectStore:
    """The S3 bucket that a request named, with the pod's own credentials, or without any.

    Those are AWS_* as ``open_source`` reads them, else what Kubernetes gave the pod (a web identity
    or a container's credentials). Where there is neither, requests are not signed: the node's
    identity, from the metadata service, is never asked for on a client's behalf.
    """
    unsigned = not any(environ.get(name) for name in ("AWS_ACCESS_KEY_ID", *_OF_THE_POD))
    return _s3(f"s3://{bucket}", **_named(environ), unsigned=unsigned, retry=_NO_RETRY)


def open_output(url: str, environ: Mapping[str, str]) -> ObjectStore:
    """A store to write to: as ``open_source``, but a directory is made and the web is none.

    Raises OSError and ValueError besides obstore's errors.
    """
    scheme, _, _ = url.partition("://")
    if scheme == "file":
        return LocalStore.from_url(url, mkdir=True)
    if scheme not in ("s3", "gs", "az"):
        raise ValueError(f"{scheme}:// is none of s3://, gs://, az://, file:// or a directory")
    return open_source(url, environ)


def open_frazil_store(environ: Mapping[str, str]) -> ObjectStore:
    """Frazil's own store from FRAZIL_STORE_*, rooted at its prefix (cluster and namespace).

    The key's id and secret are for s3:// what AWS calls so, for az:// the account's name and key,
    for gs:// the secret is a service account's JSON. Without a secret the pod's own identity
    counts, for az:// that of the account which the id names. The process's environment may set what
    gs:// cannot be told to ignore (GOOGLE_SERVICE_ACCOUNT, GOOGLE_BEARER_TOKEN): see
    ``forget_source``. Raises KeyError when FRAZIL_STORE_URL is not set, ValueError where it is no
    store's, else obstore's errors.
    """
    url = environ[contract.ENV_STORE_URL].rstrip("/")
    prefix = environ.get(contract.ENV_STORE_PREFIX, "").strip("/")
    url = f"{url}/{prefix}" if prefix else url
    endpoint = environ.get(contract.ENV_STORE_ENDPOINT, "")
    key = environ.get(contract.ENV_STORE_ACCESS_KEY_ID, "")
    secret = environ.get(contract.ENV_STORE_SECRET_ACCESS_KEY, "")
    if url.startswith("s3://"):
        region = environ.get(contract.ENV_STORE_REGION, "")
        return _s3(url, endpoint=endpoint, region=region, key=key, secret=secret)
    if url.startswith("gs://"):
        return _gcs(url, endpoint=endpoint, secret=secret)
    if url.startswith("az://"):
        return _azure(url, endpoint=endpoint, account=key, secret=secret)
    return open_output(url, {})


def forget_source(environ: MutableMapping[str, str]) -> None:
    """Drop the source's credentials from the process's environment.

    Between the source's last byte and Frazil's own store: where that one has no key of its own, the
    source's would be taken for it.
    """
    for name in list(environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")) and name not in _IDENTITY:
            del environ[name]


def _set(environ: Mapping[str, str], names: Iterable[str]) -> Any:
    """What of ``names`` is set, as obstore's configuration has it."""
    return {name.lower(): environ[name] for name in names if environ.get(name)}


def _gcs(url: str, *, endpoint: str, secret: str) -> ObjectStore:
    config: GCSConfig = {"base_url": endpoint or _GOOGLES_OWN, "skip_signature": False}
    if secret:
        config["service_account_key"] = secret
    return GCSStore.from_url(url, config=config, **_NAMED)


def _azure(url: str, *, endpoint: str, account: str, secret: str) -> ObjectStore:
    config: AzureConfig = {"use_emulator": False, "skip_signature": False}
    if account:
        endpoint = endpoint or f"https://{account}.blob.core.windows.net"
        config |= {"account_name": account}
    if endpoint:
        config |= {"endpoint": endpoint}
    if secret:
        # By its kind, or a token from the environment would go before a key.
        config |= {"account_key": secret, "credential_type": "access_key"}
    return AzureStore.from_url(url, config=config, **_NAMED)


def _named(environ: Mapping[str, str]) -> dict[str, Any]:
    """What of AWS_* shapes a store, as ``_s3`` takes it."""
    return {
        "endpoint": environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", ""),
        "region": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", ""),
        "key": environ.get("AWS_ACCESS_KEY_ID", ""),
        "secret": environ.get("AWS_SECRET_ACCESS_KEY", ""),
        "token": environ.get("AWS_SESSION_TOKEN", ""),
    }


def _s3(
    url: str,
    *,
    endpoint: str,
    region: str,
    key: str,
    secret: str,
    token: str = "",
    unsigned: bool = False,
    retry: RetryConfig = _RETRY,
) -> ObjectStore:
    region = region or "us-east-1"
    endpoint = endpoint or f"https://s3.{region}.amazonaws.com"
    config: S3Config = {
        "region": region,
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": False,
    }
    client: ClientConfig = _CLIENT | {"allow_http": endpoint.startswith("http://")}
    provider: dict[str, Any] = {}
    if unsigned:
        config |= {"skip_signature": True}
    if key:
        credential: S3Credential = {
            "access_key_id": key,
            "secret_access_key": secret,
            "token": token or None,
            "expires_at": None,
        }
        config |= {"skip_signature": False}
        # Not in `config`: beside a key from there the environment's session token would be sent.
        provider = {"credential_provider": lambda: credential}
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    # Not S3Store.from_url: it does not know the endpoint by this name, the one that wins.
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options=client,
        retry_config=retry,
        **provider,
    )
