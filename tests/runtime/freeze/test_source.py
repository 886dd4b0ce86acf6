"""Finding and fetching checkpoints, from local folders, buckets and a real web server."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import gcs, s3
from fakes.buckets import Bucket
from fakes.web import Web

from frazil_runtime import contract
from frazil_runtime.contract import Exit
from frazil_runtime.freeze.listing import Entry
from frazil_runtime.freeze.outcome import UnavailableError
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.source import Fetched, Source, fetch, fetch_file, find

FILES = {
    "ckpt/model.ckpt-1000.index": b"index",
    "ckpt/model.ckpt-1000.data-00000-of-00001": b"data" * 1000,
    "ckpt/model.ckpt-1000.meta": b"meta",
    "ckpt/model.ckpt-2000.index": b"a later one",
    "ckpt/checkpoint": b"not part of it",
    "saved/saved_model.pb": b"graph",
    "saved/variables/variables.index": b"index",
    "saved/assets/words.txt": b"a\n",
    "saved/assets.extra/tf_serving_warmup_requests": b"records",
    "old/model.ckpt": b"variables",
    "old/model.ckpt.meta": b"meta",
    "model.keras": b"keras",
    "frozen.pb": b"frozen",
}
URIS = {
    "old/model.ckpt": 2,
    "ckpt/model.ckpt-1000": 3,
    "saved": 4,
    "model.keras": 1,
    "frozen.pb": 1,
}


def ignore(_: int) -> None:
    """A progress that nobody reads."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """One of each kind."""
    for name, data in FILES.items():
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "models"


def _fetch(uri: str, environ: dict[str, str], folder: Path) -> tuple[Source, Fetched]:
    source = find(uri, environ)
    return source, fetch(source, folder, ignore)


@pytest.mark.parametrize(("name", "count"), URIS.items())
def test_from_a_local_path(models: Path, tmp_path: Path, name: str, count: int) -> None:
    source, got = _fetch(str(models / name), {}, tmp_path / "got")
    assert len(source.files) == count
    assert got.path == tmp_path / "got" / Path(name).name
    assert got.bytes == source.bytes
    fetched = [path for path in (tmp_path / "got").rglob("*") if path.is_file()]
    assert len(fetched) == count
    for path in fetched:
        below = path.relative_to(tmp_path / "got")
        assert path.read_bytes() == FILES[str(Path(name).parent / below)]


@pytest.mark.integration
@pytest.mark.parametrize("name", URIS)
def test_from_a_bucket_with_the_digest_of_the_same_files_on_disk(
    models: Path, tmp_path: Path, any_bucket: Bucket, name: str
) -> None:
    url = any_bucket.upload(models, "some/prefix")
    _, local = _fetch(str(models / name), {}, tmp_path / "local")
    _, remote = _fetch(f"{url}/{name}", any_bucket.environ, tmp_path / "remote")
    assert (remote.digest, remote.bytes) == (local.digest, local.bytes)


@pytest.mark.integration
def test_a_saved_model_that_is_a_whole_bucket(
    models: Path, tmp_path: Path, any_bucket: Bucket
) -> None:
    store = any_bucket.open()
    for path in (p for p in (models / "saved").rglob("*") if p.is_file()):
        store.put(str(path.relative_to(models / "saved")), path)
    source, got = _fetch(any_bucket.url, any_bucket.environ, tmp_path / "got")
    assert len(source.files) == URIS["saved"]
    assert (got.path / "saved_model.pb").read_bytes() == b"graph"


@pytest.mark.integration
def test_a_folder_of_more_files_than_a_page_of_its_listing_has(any_bucket: Bucket) -> None:
    checkpoint = {f"z.ckpt.{part}" for part in ("index", "meta", "data-00000-of-00001")}
    files = {"saved_model.pb", *checkpoint, *(f"{n:04d}" for n in range(any_bucket.page))}
    store = any_bucket.open()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.put(f"m/{name}", b"x"), files))
    url = f"{any_bucket.url}/m"
    assert find(url, any_bucket.environ).files.keys() == files
    assert find(f"{url}/z.ckpt", any_bucket.environ).files.keys() == checkpoint


@pytest.mark.parametrize("name", [name for name in URIS if name != "saved"])
def test_from_the_web_what_can_be_known_without_a_listing(
    models: Path, web: Web, tmp_path: Path, name: str
) -> None:
    _, local = _fetch(str(models / name), {}, tmp_path / "local")
    _, remote = _fetch(f"{web.over(models)}/{name}", {}, tmp_path / "remote")
    assert remote.digest == local.digest


@pytest.mark.parametrize("name", ["ckpt/model.ckpt-1000", "model.keras"])
def test_from_the_web_with_the_signature_in_the_uri(
    models: Path, web: Web, tmp_path: Path, name: str
) -> None:
    url = f"{web.over(models, query='signature=x/y')}/{name}"
    _, got = _fetch(f"{url}?signature=x/y", {}, tmp_path / "got")
    assert got.path.name == Path(name).name
    with pytest.raises(FreezeError) as caught:
        _fetch(f"{url}?signature=z", {}, tmp_path / "other")
    assert caught.value.exit is Exit.SOURCE_FORBIDDEN
    assert "signature" not in str(caught.value)


def test_a_server_that_does_not_say_how_long_a_file_is(
    models: Path, web: Web, tmp_path: Path
) -> None:
    with pytest.raises(FreezeError, match="sends no Content-Length") as caught:
        _fetch(f"{web.over(models, length=False)}/model.keras", {}, tmp_path / "got")
    assert caught.value.exit is Exit.INVALID_REQUEST


def test_from_the_web_without_a_meta_file(models: Path, web: Web, tmp_path: Path) -> None:
    (models / "ckpt/model.ckpt-1000.meta").unlink()
    _, got = _fetch(f"{web.over(models)}/ckpt/model.ckpt-1000", {}, tmp_path / "got")
    assert len(list((tmp_path / "got").iterdir())) == 2
    assert got.path.name == "model.ckpt-1000"


def test_from_a_volume_claim(models: Path, tmp_path: Path) -> None:
    environ = {contract.ENV_PVC_ROOT: str(models.parent)}
    _, got = _fetch("pvc://models/saved", environ, tmp_path / "got")
    assert got.path == tmp_path / "got" / "saved"


def test_a_link_within_a_claim_is_followed(models: Path, tmp_path: Path) -> None:
    (models / "latest.keras").symlink_to(models / "model.keras")
    environ = {contract.ENV_PVC_ROOT: str(models.parent)}
    _, got = _fetch("pvc://models/latest.keras", environ, tmp_path / "got")
    assert got.path.read_bytes() == b"keras"


@pytest.mark.parametrize(
    ("link", "uri"),
    [
        pytest.param("stolen.keras", "pvc://models/stolen.keras", id="as the model"),
        pytest.param("saved/assets/x", "pvc://models/saved", id="among a SavedModel's assets"),
    ],
)
def test_a_link_out_of_a_claim_is_refused(models: Path, link: str, uri: str) -> None:
    secret = models.parent / "token"
    secret.write_bytes(b"secret")
    (models / link).symlink_to(secret)
    with pytest.raises(FreezeError, match="leads out of the volume claim") as caught:
        find(uri, {contract.ENV_PVC_ROOT: str(models.parent)})
    assert caught.value.exit is Exit.INVALID_REQUEST


def _circle(folder: Path) -> None:
    (folder / "circle").symlink_to("circle")


def _upwards(folder: Path) -> None:
    (folder / "upwards").symlink_to("..")


def _not_utf8(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9")).touch()


ODD = [
    pytest.param(_circle, id="a link to itself"),
    pytest.param(_upwards, id="a link to a folder around it"),
    pytest.param(_not_utf8, id="a name that is not UTF-8"),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["model.keras", "saved"])
def test_what_lies_beside_a_model_is_no_matter(
    models: Path, tmp_path: Path, name: str, odd: Callable[[Path], None]
) -> None:
    odd(models)
    _, got = _fetch(str(models / name), {}, tmp_path / "got")
    assert got.path.exists()


@pytest.mark.parametrize("odd", ODD)
def test_what_lies_in_a_model_must_be_readable(models: Path, odd: Callable[[Path], None]) -> None:
    odd(models / "saved/assets")
    with pytest.raises(FreezeError, match="it cannot be read as it is") as caught:
        find(str(models / "saved"), {})
    assert caught.value.exit is Exit.INVALID_REQUEST


def test_nothing_at_a_local_path_names_what_comes_near(models: Path) -> None:
    with pytest.raises(FreezeError, match="Nearest names beside it: model") as caught:
        find(str(models / "ckpt/model.ckpt-100"), {})
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND


def test_nothing_on_the_web_says_what_can_be_fetched_from_there(models: Path, web: Web) -> None:
    with pytest.raises(FreezeError, match="a SavedModel needs a store that can list") as caught:
        find(f"{web.over(models)}/saved", {})
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND


@pytest.mark.integration
@pytest.mark.parametrize("path", ["model.ckpt", "deep/er/model.keras"])
def test_nothing_in_the_bucket(any_bucket: Bucket, path: str) -> None:
    with pytest.raises(FreezeError, match="nothing there") as caught:
        find(f"{any_bucket.url}/{path}", any_bucket.environ)
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND


@pytest.mark.integration
def test_no_such_bucket(any_bucket: Bucket) -> None:
    scheme = any_bucket.url.partition("://")[0]
    said = r"nothing there \(The specified (bucket|container) does not exist\.\)\. Check"
    with pytest.raises(FreezeError, match=said) as caught:
        find(f"{scheme}://no-such-bucket/model.ckpt", any_bucket.environ)
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND


@pytest.mark.integration
@pytest.mark.parametrize("name", ["model.ckpt", "", "a/saved"])
def test_no_permission(any_bucket: Bucket, name: str) -> None:
    with pytest.raises(FreezeError, match="secretName") as caught:
        find(f"{any_bucket.url}/{name}", any_bucket.environ | any_bucket.forged)
    assert caught.value.exit is Exit.SOURCE_FORBIDDEN
    assert "\n" not in str(caught.value)


@pytest.mark.integration
def test_another_account(gs: gcs.Server, s3: s3.Server) -> None:
    """Each as its provider says no: one does not know the key, the other knows whose it is."""
    for bucket, other in (
        (s3.bucket(), {"AWS_ACCESS_KEY_ID": "nobody"}),
        (gs.bucket(), {"GOOGLE_SERVICE_ACCOUNT_KEY": gs.stranger}),
    ):
        with pytest.raises(FreezeError, match="access denied") as caught:
            find(f"{bucket.url}/model.ckpt", bucket.environ | other)
        assert caught.value.exit is Exit.SOURCE_FORBIDDEN


@pytest.mark.integration
def test_a_server_that_does_not_answer_is_nobodys_fault_here(any_bucket: Bucket) -> None:
    with pytest.raises(UnavailableError, match="out of reach"):
        find(f"{any_bucket.url}/model.ckpt", any_bucket.environ | any_bucket.elsewhere)


@pytest.mark.integration
def test_a_file_replaced_while_it_is_fetched_is_another_try(
    models: Path, any_bucket: Bucket, tmp_path: Path
) -> None:
    url = any_bucket.upload(models, "m")
    source = find(f"{url}/model.keras", any_bucket.environ)
    any_bucket.open().put("m/model.keras", b"other")
    with pytest.raises(UnavailableError):
        fetch(source, tmp_path / "got", ignore)


def test_a_file_shorter_than_listed_is_another_try(models: Path, tmp_path: Path) -> None:
    source = find(str(models / "model.keras"), {})
    longer = Source(source.uri, source.store, source.path, "", {"m": Entry("model.keras", 6)})
    with pytest.raises(UnavailableError, match="listed with 6 bytes, but 5 came"):
        fetch(longer, tmp_path / "got", ignore)


def test_samples_are_one_file(models: Path, tmp_path: Path) -> None:
    got = fetch_file(str(models / "frozen.pb"), "samples", tmp_path / "samples.npz", {})
    assert got.bytes == len(FILES["frozen.pb"])


def test_samples_are_no_link_out_of_a_claim(models: Path, tmp_path: Path) -> None:
    (models / "samples.npz").symlink_to("/etc/hostname")
    environ = {contract.ENV_PVC_ROOT: str(models.parent)}
    with pytest.raises(FreezeError, match="leads out of the volume claim"):
        fetch_file("pvc://models/samples.npz", "samples", tmp_path / "samples.npz", environ)


def test_samples_that_are_not_there_name_their_field(models: Path, tmp_path: Path) -> None:
    with pytest.raises(FreezeError, match=r"Check spec\.checkpoint\.samples") as caught:
        fetch_file(str(models / "no.npz"), "spec.checkpoint.samples", tmp_path / "s.npz", {})
    assert caught.value.exit is Exit.SOURCE_NOT_FOUND
