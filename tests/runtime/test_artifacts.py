from __future__ import annotations

from pathlib import Path

import pytest
from fakes import artifact_files
from fakes.artifact_files import FILES, manifest_of
from fakes.buckets import Bucket
from obstore.store import LocalStore

from bench.fetch_memory import measure
from frazil_runtime import contract
from frazil_runtime.artifacts import fetch, open_artifact, published
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError


@pytest.fixture
def name() -> str:
    return manifest_of(FILES).digest


@pytest.fixture
def stored(tmp_path: Path, name: str) -> Path:
    """The folder of the artifact FILES in the store."""
    folder = tmp_path / "store" / contract.artifact_path(name)
    artifact_files.write(folder)
    return folder


@pytest.fixture
def store(tmp_path: Path, stored: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def ignore(_: str) -> None:
    """A progress that nobody reads."""


def _held(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def _content(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_every_file_of_the_artifact_arrives(store: LocalStore, cache: Path, name: str) -> None:
    directory = fetch(store, name, cache, ignore)
    assert directory == cache / name
    assert _content(directory) == FILES | {contract.MANIFEST: manifest_of(FILES).to_json()}
    assert _held(cache) == [name]


def test_what_is_there_whole_is_not_fetched_again(
    store: LocalStore, stored: Path, cache: Path, name: str
) -> None:
    fetch(store, name, cache, ignore)
    (stored / contract.MANIFEST).unlink()
    assert fetch(store, name, cache, ignore) == cache / name


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda d: (d / contract.GRAPH).write_bytes(b"short"), id="a file cut off"),
        pytest.param(lambda d: (d / contract.WARMUP).unlink(), id="a file missing"),
        pytest.param(lambda d: (d / contract.MANIFEST).write_bytes(b"{}"), id="another manifest"),
        pytest.param(lambda d: (d / contract.MANIFEST).unlink(), id="no manifest"),
    ],
)
def test_a_damaged_copy_is_fetched_anew(
    store: LocalStore, cache: Path, name: str, damage: object
) -> None:
    directory = fetch(store, name, cache, ignore)
    assert callable(damage)
    damage(directory)
    assert _content(fetch(store, name, cache, ignore)).keys() == {*FILES, contract.MANIFEST}


def test_what_a_killed_fetch_left_is_swept_away(store: LocalStore, cache: Path, name: str) -> None:
    (cache / f"{name}.tmp").mkdir(parents=True)
    (cache / f"{name}.tmp" / contract.GRAPH).write_bytes(b"half")
    assert fetch(store, name, cache, ignore) == cache / name
    assert _held(cache) == [name]


def test_a_corrupt_file_is_refused_and_never_reaches_the_cache(
    store: LocalStore, stored: Path, cache: Path, name: str
) -> None:
    (stored / contract.GRAPH).write_bytes(FILES[contract.GRAPH].replace(b"g", b"G", 1))
    expected = manifest_of(FILES).files[contract.GRAPH].sha256
    with pytest.raises(ArtifactError, match=f"{contract.GRAPH} should be sha256 {expected}"):
        fetch(store, name, cache, ignore)
    assert _held(cache) == []


def test_a_corrupt_manifest_is_refused(
    store: LocalStore, stored: Path, cache: Path, name: str
) -> None:
    (stored / contract.MANIFEST).write_bytes(manifest_of({}).to_json())
    with pytest.raises(ArtifactError, match=rf"{contract.MANIFEST} should be {name}"):
        fetch(store, name, cache, ignore)
    assert _held(cache) == []


@pytest.mark.parametrize(
    "file", ["../outside", "/outside", "assets/../../outside", "manifest.json"]
)
def test_a_manifest_that_names_files_elsewhere_is_refused(
    tmp_path: Path, cache: Path, file: str
) -> None:
    manifest = manifest_of({file: b"x"})
    folder = tmp_path / "store" / contract.artifact_path(manifest.digest)
    folder.mkdir(parents=True)
    (folder / contract.MANIFEST).write_bytes(manifest.to_json())
    with pytest.raises(ArtifactError, match="no name for a file"):
        fetch(LocalStore(tmp_path / "store"), manifest.digest, cache, ignore)


def test_an_artifact_that_is_not_there_is_no_fault_of_the_infrastructure(
    tmp_path: Path, cache: Path, name: str
) -> None:
    with pytest.raises(ArtifactError, match="nothing there") as caught:
        fetch(LocalStore(tmp_path), name, cache, ignore)
    assert not isinstance(caught.value, ArtifactUnavailableError)


@pytest.mark.parametrize(
    ("damage", "whole"),
    [
        pytest.param(lambda folder: None, True, id="every file is there"),
        pytest.param(
            lambda folder: (folder / contract.WARMUP).unlink(), False, id="one is missing"
        ),
        pytest.param(
            lambda folder: (folder / contract.GRAPH).write_bytes(b"short"), False, id="one is short"
        ),
        pytest.param(
            lambda folder: (folder / contract.MANIFEST).unlink(), False, id="not yet published"
        ),
        pytest.param(
            lambda folder: (folder / contract.MANIFEST).write_bytes(b"{}"),
            False,
            id="a manifest of another name",
        ),
    ],
)
def test_published_means_whole(
    store: LocalStore, stored: Path, name: str, damage: object, whole: bool
) -> None:
    assert callable(damage)
    damage(stored)
    assert (published(store, name) is not None) is whole


class TestOpen:
    """open_artifact: all that a user may name."""

    def test_a_directory_is_served_where_it_lies(self, stored: Path, cache: Path) -> None:
        assert open_artifact(str(stored), {}, cache) == stored
        assert open_artifact(stored.as_uri(), {}, cache) == stored

    def test_a_directory_is_checked_too(self, stored: Path, cache: Path) -> None:
        (stored / contract.GRAPH).write_bytes(FILES[contract.GRAPH].upper())
        with pytest.raises(ArtifactError, match=r"frozen_graph\.pb should be"):
            open_artifact(str(stored), {}, cache)

    def test_a_directory_without_a_manifest_is_no_artifact(self, tmp_path: Path) -> None:
        with pytest.raises(ArtifactError, match="not a whole artifact"):
            open_artifact(str(tmp_path), {}, tmp_path)

    def test_a_path_that_is_not_there(self, cache: Path) -> None:
        with pytest.raises(ArtifactError, match="no such directory"):
            open_artifact("/nowhere", {}, cache)

    def test_a_digest_without_a_store_names_the_setting(self, cache: Path, name: str) -> None:
        with pytest.raises(ArtifactError, match=contract.ENV_STORE_URL):
            open_artifact(name, {}, cache)

    @pytest.mark.integration
    def test_a_digest_comes_from_frazils_store(
        self, any_bucket: Bucket, stored: Path, cache: Path, name: str
    ) -> None:
        any_bucket.upload(stored, contract.artifact_path(name))
        assert open_artifact(name, any_bucket.store_environ, cache) == cache / name

    @pytest.mark.integration
    def test_what_was_changed_in_frazils_store_is_refused(
        self, any_bucket: Bucket, stored: Path, cache: Path, name: str
    ) -> None:
        folder = contract.artifact_path(name)
        any_bucket.upload(stored, folder)
        any_bucket.open().put(f"{folder}/{contract.GRAPH}", FILES[contract.GRAPH].upper())
        with pytest.raises(ArtifactError, match=f"{contract.GRAPH} should be sha256"):
            open_artifact(name, any_bucket.store_environ, cache)
        assert _held(cache) == []

    @pytest.mark.integration
    @pytest.mark.parametrize("folder", ["artifacts/{name}", "anything/else"])
    def test_a_uri_comes_from_the_users_bucket(
        self, any_bucket: Bucket, stored: Path, cache: Path, name: str, folder: str
    ) -> None:
        uri = any_bucket.upload(stored, folder.format(name=name))
        assert open_artifact(uri, any_bucket.environ, cache) == cache / name

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            pytest.param("forged", "access denied", id="wrong key"),
            pytest.param("elsewhere", "out of reach", id="no server"),
        ],
    )
    def test_a_store_that_fails_is_the_infrastructures_fault(
        self, any_bucket: Bucket, cache: Path, name: str, change: str, message: str
    ) -> None:
        environ = any_bucket.store_environ | getattr(any_bucket, change)
        with pytest.raises(ArtifactUnavailableError, match=message):
            open_artifact(name, environ, cache)


@pytest.mark.integration
def test_fetching_64_mb_takes_a_few_chunks_of_memory(any_bucket: Bucket) -> None:
    assert measure(any_bucket, megabytes=64) <= 32.0
