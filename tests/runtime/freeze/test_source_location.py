from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import AzureStore, GCSStore

from frazil_runtime import contract
from frazil_runtime.contract import Exit
from frazil_runtime.freeze.location import locate, shown
from frazil_runtime.freeze.request import FreezeError

_ACCOUNT = {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://bucket/a/b/model.ckpt-1000", "model.ckpt-1000"),
        ("s3://bucket/saved_model/", "saved_model"),
        ("s3://bucket", ""),
        ("s3://bucket/a b?c#d%20e", "a b?c#d%20e"),
        ("https://host/a/model.keras?X-Amz-Signature=abc/def", "model.keras"),
        ("https://host/a%20b.pb", "a b.pb"),
    ],
)
def test_a_uri_is_a_name_in_the_folder_around_it(uri: str, name: str) -> None:
    assert locate(uri, {}).name == name


def test_a_signature_or_password_in_a_uri_is_never_shown() -> None:
    assert shown("https://me:pass@host/m.pb?X-Amz-Signature=secret") == "https://host/m.pb"
    assert locate("https://host/m.pb?sig=secret", {}).uri == "https://host/m.pb"


@pytest.mark.parametrize(
    "path", ["digits/model.ckpt", "model.ckpt"], ids=["in a folder", "at the root"]
)
def test_a_claim_is_read_where_it_is_mounted(tmp_path: Path, path: str) -> None:
    (tmp_path / "models" / "digits").mkdir(parents=True)
    found = locate(f"pvc://models/{path}", {contract.ENV_PVC_ROOT: str(tmp_path)})
    assert (found.name, found.mount) == ("model.ckpt", tmp_path / "models")


@pytest.mark.parametrize(
    ("uri", "environ", "message"),
    [
        ("ftp://host/x", {}, "ftp:// is none of s3://"),
        ("s3://", {}, "is not s3://<host or bucket>/<path>"),
        ("s3://bucket/a/../b", {}, "is not s3://<host or bucket>/<path>"),
        ("https://host/%2e%2e/b.pb", {}, "is not https://<host or bucket>/<path>"),
        ("pvc://claim/x", {}, "in the cluster only"),
        ("pvc://claim", {contract.ENV_PVC_ROOT: "/pvc"}, "is not pvc://<claim>/<path>"),
        ("pvc://claim/../x", {contract.ENV_PVC_ROOT: "/pvc"}, "is not pvc://<claim>/<path>"),
        ("pvc://../x", {contract.ENV_PVC_ROOT: "/pvc"}, "is not pvc://<claim>/<path>"),
        ("az://container/x", {}, "Account must be specified"),
        ("az://container/x", _ACCOUNT | {"AZURE_STORAGE_ACCOUNT_KEY": "-"}, "Invalid Access Key"),
        ("gs://bucket/x", {"GOOGLE_SERVICE_ACCOUNT_KEY": "-"}, "Unable to decode service account"),
        ("gs://bucket/x", {"GOOGLE_SERVICE_ACCOUNT": "/no"}, "Unable to open .* from /no"),
    ],
)
def test_a_uri_that_makes_no_sense_is_the_users_to_mend(
    uri: str, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(FreezeError, match=message) as caught:
        locate(uri, environ)
    assert caught.value.exit is Exit.INVALID_REQUEST


@pytest.mark.parametrize(
    ("uri", "kind", "name", "folder"),
    [
        pytest.param("gs://bucket/a/m.ckpt", GCSStore, "m.ckpt", "a", id="gs, in a folder"),
        pytest.param("gs://bucket/m.keras", GCSStore, "m.keras", None, id="gs, at the root"),
        pytest.param("gs://bucket/a%20b", GCSStore, "a%20b", None, id="gs, with a percent sign"),
        pytest.param("az://box/a/b/m.pb", AzureStore, "m.pb", "a/b", id="az"),
        pytest.param("az://box", AzureStore, "", None, id="az, a whole container"),
    ],
)
def test_the_stores_of_google_and_azure_are_rooted_at_the_folder(
    uri: str, kind: type, name: str, folder: str | None
) -> None:
    found = locate(uri, _ACCOUNT)
    assert (type(found.store), found.name, found.listable) == (kind, name, True)
    prefix = getattr(found.store, "prefix", None)
    assert (str(prefix) if prefix else None) == folder


@pytest.mark.parametrize("uri", ["/nowhere/model.ckpt", "file:///nowhere/model.ckpt"])
def test_a_directory_that_is_not_there(uri: str) -> None:
    with pytest.raises(FreezeError, match="there is no directory /nowhere") as caught:
        locate(uri, {})
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND
