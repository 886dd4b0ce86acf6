"""Names and keys of a namespace's accounts in the embedded store."""

from __future__ import annotations

import pytest

from frazil_operator.accounts import bucket_name, derive, environment, policy
from frazil_operator.gateway import Account

READER, WRITER = Account("b-read", "r"), Account("b-write", "w")


@pytest.mark.parametrize(
    ("namespace", "bucket"),
    [
        pytest.param("vision", "frazil-vision", id="a short name is kept"),
        pytest.param("n" * 56, f"frazil-{'n' * 56}", id="63 characters fit"),
        pytest.param("n" * 57, f"frazil-{'n' * 47}-804de3e9", id="64 are cut, with a digest"),
    ],
)
def test_a_namespace_has_one_bucket(namespace: str, bucket: str) -> None:
    assert bucket_name(namespace) == bucket
    assert len(bucket) <= 63


def test_long_namespaces_that_begin_alike_have_different_buckets() -> None:
    assert bucket_name("n" * 62 + "a") != bucket_name("n" * 62 + "b")


def test_a_key_depends_on_the_root_key_and_the_purpose() -> None:
    keys = {derive(root, purpose) for root in ("one", "two") for purpose in ("read", "write")}
    assert len(keys) == 4
    assert derive("one", "read") in keys


def test_a_key_is_hkdf_as_rfc_5869_has_it() -> None:
    """HKDF-SHA256("root", no salt, info="store/vision/read", 32 bytes), as OpenSSL computes it."""
    assert derive("root", "store/vision/read") == "crRLCZ0of-SD16C87gX9hlIUQzhE7e7tLCslrNaqYBQ"


def test_the_reader_may_read_and_nothing_else() -> None:
    actions = {
        action
        for statement in policy("b", READER, WRITER)
        if READER.access in statement["Principal"]["AWS"]
        for action in statement["Action"]
    }
    assert actions == {"s3:ListBucket", "s3:GetObject"}


def test_nobody_of_the_namespace_may_delete_or_change_the_policy() -> None:
    actions = {action for s in policy("b", READER, WRITER) for action in s["Action"]}
    assert not [action for action in actions if "*" in action or "Delete" in action]
    assert "s3:PutBucketPolicy" not in actions


def test_the_secret_is_the_environment_of_a_pod() -> None:
    assert environment("frazil-vision", READER, "http://store") == {
        "FRAZIL_STORE_URL": "s3://frazil-vision",
        "FRAZIL_STORE_ENDPOINT": "http://store",
        "FRAZIL_STORE_REGION": "us-east-1",
        "FRAZIL_STORE_ACCESS_KEY_ID": "b-read",
        "FRAZIL_STORE_SECRET_ACCESS_KEY": "r",
    }


def test_a_secret_shows_in_no_log() -> None:
    assert "hidden" not in repr(Account("me", "hidden"))
