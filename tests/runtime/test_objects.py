from __future__ import annotations

import pytest
from fakes.s3 import Bucket

from frazil_runtime import contract
from frazil_runtime.objects import forget_source, open_frazil_store, open_source

_SOURCES_OWN = {
    "AWS_ACCESS_KEY_ID": "of-the-source",
    "AWS_SECRET_ACCESS_KEY": "of-the-source",
    "AWS_SESSION_TOKEN": "of-the-source",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_REGION": "eu-west-3",
    "AWS_SKIP_SIGNATURE": "true",
}


@pytest.mark.integration
def test_frazils_store_never_takes_the_sources_settings(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _SOURCES_OWN.items():
        monkeypatch.setenv(name, value)
    store = open_frazil_store(bucket.store_environ)
    store.put("object", b"bytes")
    assert bytes(store.get("object").bytes()) == b"bytes"


@pytest.mark.integration
def test_frazils_store_is_rooted_at_cluster_and_namespace(bucket: Bucket) -> None:
    environ = bucket.store_environ | {contract.ENV_STORE_PREFIX: "production/vision"}
    open_frazil_store(environ).put("object", b"bytes")
    assert (bucket.folder / "production/vision/object").read_bytes() == b"bytes"


@pytest.mark.integration
def test_a_sources_credentials_are_those_it_is_opened_with(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _SOURCES_OWN.items():
        monkeypatch.setenv(name, value)
    (bucket.folder / "object").write_bytes(b"bytes")
    assert bytes(open_source(bucket.url, bucket.environ).get("object").bytes()) == b"bytes"


def test_a_store_must_be_named() -> None:
    with pytest.raises(KeyError, match=contract.ENV_STORE_URL):
        open_frazil_store({})


def test_forgetting_the_source_keeps_the_pods_own_identity() -> None:
    identity = {"AWS_ROLE_ARN": "arn", "AZURE_FEDERATED_TOKEN_FILE": "/token"}
    environ = {**_SOURCES_OWN, **identity, "GOOGLE_SERVICE_ACCOUNT": "x", "PATH": "/bin"}
    forget_source(environ)
    assert environ == identity | {"PATH": "/bin"}
