from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fakes import azure, gcs
from fakes.buckets import NOBODY, Bucket
from obstore import sign
from obstore.store import AzureStore

from frazil_runtime import contract
from frazil_runtime.objects import forget_source, open_frazil_store, open_source

_SOURCES_OWN = {
    "AWS_ACCESS_KEY_ID": "of-the-source",
    "AWS_SECRET_ACCESS_KEY": "of-the-source",
    "AWS_SESSION_TOKEN": "of-the-source",
    "AWS_ENDPOINT_URL": NOBODY,
    "AWS_ENDPOINT_URL_S3": NOBODY,
    "AWS_REGION": "eu-west-3",
    "AWS_SKIP_SIGNATURE": "true",
    "GOOGLE_SERVICE_ACCOUNT_KEY": "of-the-source",
    "GOOGLE_APPLICATION_CREDENTIALS": "/of/the/source",
    "GOOGLE_BASE_URL": NOBODY,
    "GOOGLE_SKIP_SIGNATURE": "true",
    "AZURE_STORAGE_ACCOUNT_NAME": "of-the-source",
    "AZURE_STORAGE_ACCOUNT_KEY": "b2YtdGhlLXNvdXJjZQ==",
    "AZURE_STORAGE_SAS_TOKEN": "of=the-source",
    "AZURE_STORAGE_TOKEN": "of-the-source",
    "AZURE_STORAGE_CLIENT_ID": "of-the-source",
    "AZURE_STORAGE_CLIENT_SECRET": "of-the-source",
    "AZURE_STORAGE_TENANT_ID": "of-the-source",
    "AZURE_STORAGE_ENDPOINT": NOBODY,
    "AZURE_STORAGE_USE_EMULATOR": "true",
    "AZURE_SKIP_SIGNATURE": "true",
}


@pytest.fixture
def sources_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's environment is full of another store's settings."""
    for name, value in _SOURCES_OWN.items():
        monkeypatch.setenv(name, value)


@pytest.mark.integration
@pytest.mark.usefixtures("sources_own")
def test_frazils_store_never_takes_the_sources_settings(any_bucket: Bucket) -> None:
    store = open_frazil_store(any_bucket.store_environ)
    store.put("object", b"bytes")
    assert bytes(store.get("object").bytes()) == b"bytes"


@pytest.mark.integration
def test_frazils_store_is_rooted_at_cluster_and_namespace(any_bucket: Bucket) -> None:
    environ = any_bucket.store_environ | {contract.ENV_STORE_PREFIX: "production/vision"}
    open_frazil_store(environ).put("object", b"bytes")
    assert bytes(any_bucket.open().get("production/vision/object").bytes()) == b"bytes"


@pytest.mark.integration
@pytest.mark.usefixtures("sources_own")
def test_a_sources_credentials_are_those_it_is_opened_with(bucket: Bucket) -> None:
    bucket.open().put("object", b"bytes")
    assert bytes(open_source(bucket.url, bucket.environ).get("object").bytes()) == b"bytes"


@pytest.mark.parametrize("where", ["directly", "in a file"])
@pytest.mark.integration
def test_googles_service_account(gs: gcs.Server, tmp_path: Path, where: str) -> None:
    bucket = gs.bucket()
    environ = dict(bucket.environ)
    if where == "in a file":
        account = tmp_path / "account.json"
        account.write_text(environ.pop("GOOGLE_SERVICE_ACCOUNT_KEY"))
        environ["GOOGLE_SERVICE_ACCOUNT"] = str(account)
    store = open_source(bucket.url, environ)
    store.put("object", b"bytes")
    assert bytes(store.get("object").bytes()) == b"bytes"


@pytest.mark.integration
def test_what_is_public_is_read_without_credentials(az: azure.Server) -> None:
    bucket = az.bucket(public=True)
    bucket.open().put("object", b"bytes")
    environ = bucket.environ | {"AZURE_STORAGE_ACCOUNT_KEY": "", "AZURE_SKIP_SIGNATURE": "true"}
    assert bytes(open_source(bucket.url, environ).get("object").bytes()) == b"bytes"


@pytest.mark.integration
def test_azures_shared_access_signature(az: azure.Server) -> None:
    bucket = az.bucket()
    bucket.open().put("object", b"bytes")
    url = sign(bucket.open(), "GET", "object", timedelta(minutes=5))
    token = url.partition("?")[2]
    environ = bucket.environ | {
        "AZURE_STORAGE_ACCOUNT_KEY": "",
        "AZURE_STORAGE_SAS_TOKEN": token,
    }
    assert bytes(open_source(bucket.url, environ).get("object").bytes()) == b"bytes"


def test_frazils_azure_store_has_its_accounts_name_without_a_key_too() -> None:
    """Under workload identity a pod has no key, and nothing else tells the account."""
    store = open_frazil_store(
        {contract.ENV_STORE_URL: "az://artifacts", contract.ENV_STORE_ACCESS_KEY_ID: "account"}
    )
    assert isinstance(store, AzureStore)
    assert store.config["account_name"] == "account"


def test_a_store_must_be_named() -> None:
    with pytest.raises(KeyError, match=contract.ENV_STORE_URL):
        open_frazil_store({})


def test_forgetting_the_source_keeps_the_pods_own_identity() -> None:
    identity = {"AWS_ROLE_ARN": "arn", "AZURE_FEDERATED_TOKEN_FILE": "/token"}
    environ = {**_SOURCES_OWN, **identity, "GOOGLE_SERVICE_ACCOUNT": "x", "PATH": "/bin"}
    forget_source(environ)
    assert environ == identity | {"PATH": "/bin"}
