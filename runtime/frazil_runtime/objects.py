"""Opens object stores: the checkpoint's (its AWS_*, GOOGLE_*, AZURE_*) and Frazil's own."""

from __future__ import annotations

from collections.abc import Mapping

from obstore.store import ClientConfig, LocalStore, ObjectStore, S3Config, from_url

from frazil_runtime import contract


def open_source(url: str, environ: Mapping[str, str]) -> ObjectStore:
    """A store at ``url`` with the credentials the provider's own variables name.

    s3:// reads AWS_* (an AWS_ENDPOINT_URL means path-style addressing, http allowed), gs:// and
    az:// what obstore reads of GOOGLE_* and AZURE_*. Raises obstore's errors.
    """
    endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if url.startswith("s3://"):
        return _s3(
            url,
            endpoint=endpoint,
            region=environ.get("AWS_REGION", environ.get("AWS_DEFAULT_REGION", "")),
            key=environ.get("AWS_ACCESS_KEY_ID", ""),
            secret=environ.get("AWS_SECRET_ACCESS_KEY", ""),
            token=environ.get("AWS_SESSION_TOKEN", ""),
        )
    return _other(url)


def open_frazil_store(environ: Mapping[str, str]) -> ObjectStore:
    """Frazil's own store from FRAZIL_STORE_*, rooted at its prefix (cluster and namespace).

    Raises KeyError when FRAZIL_STORE_URL is not set, else obstore's errors.
    """
    url = environ[contract.ENV_STORE_URL].rstrip("/")
    prefix = environ.get(contract.ENV_STORE_PREFIX, "").strip("/")
    url = f"{url}/{prefix}" if prefix else url
    if url.startswith("s3://"):
        return _s3(
            url,
            endpoint=environ.get(contract.ENV_STORE_ENDPOINT, ""),
            region=environ.get(contract.ENV_STORE_REGION, ""),
            key=environ.get(contract.ENV_STORE_ACCESS_KEY_ID, ""),
            secret=environ.get(contract.ENV_STORE_SECRET_ACCESS_KEY, ""),
        )
    return _other(url)


def _s3(
    url: str, *, endpoint: str, region: str, key: str, secret: str, token: str = ""
) -> ObjectStore:
    config: S3Config = {"region": region or "us-east-1"}
    options: ClientConfig = {}
    if endpoint:
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        options = {"allow_http": endpoint.startswith("http://")}
    if key:
        config |= {"access_key_id": key, "secret_access_key": secret}
    if token:
        config |= {"session_token": token}
    return from_url(url, config=config, client_options=options)


def _other(url: str) -> ObjectStore:
    if url.startswith("file://"):
        return LocalStore.from_url(url, mkdir=True)
    return from_url(url)
