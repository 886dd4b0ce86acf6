from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakes import artifact_files
from fakes.artifact_files import FILES
from fakes.buckets import Bucket
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, MemoryStore

from frazil_runtime import contract
from frazil_runtime.artifacts import published
from frazil_runtime.contract import Exit
from frazil_runtime.freeze import publish
from frazil_runtime.freeze.outcome import UnavailableError
from frazil_runtime.freeze.publish import PROVENANCE, Artifact
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.objects import open_frazil_store

if TYPE_CHECKING:
    from obstore.store import ObjectStore

NOTE = {"checkpoint": "sha256:1"}


class KilledError(BaseException):
    """The process ends here."""


class Recorded:
    """A store that notes what is written, and dies before the write of the given number."""

    def __init__(self, store: ObjectStore, dies_before: int = -1) -> None:
        self._store, self._dies_before, self.written = store, dies_before, list[str]()

    def put(self, path: str, file: Any, **options: Any) -> object:
        if len(self.written) == self._dies_before:
            raise KilledError
        self.written.append(path.rpartition("/")[2])
        return self._store.put(path, file, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def ignore(_: str) -> None:
    """A progress that nobody reads."""


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    artifact_files.write(tmp_path / "converted")
    return publish.check(tmp_path / "converted")


def _publish(artifact: Artifact, store: Any) -> None:
    publish.to_store(artifact, NOTE, store, ignore)


def test_the_manifest_is_written_last(artifact: Artifact) -> None:
    store = Recorded(MemoryStore())
    _publish(artifact, store)
    assert store.written[-2:] == [PROVENANCE, contract.MANIFEST]
    assert len(store.written) == len(FILES) + 2


@pytest.mark.parametrize("writes", range(len(FILES) + 2))
def test_a_publication_killed_before_any_write_is_repeated(artifact: Artifact, writes: int) -> None:
    store = MemoryStore()
    with pytest.raises(KilledError):
        _publish(artifact, Recorded(store, dies_before=writes))
    assert published(store, artifact.name) is None
    _publish(artifact, store)
    assert published(store, artifact.name) == artifact.manifest


def test_what_is_published_is_not_uploaded_again(artifact: Artifact) -> None:
    store = Recorded(MemoryStore())
    _publish(artifact, store)
    store.written.clear()
    _publish(artifact, store)
    assert store.written == []


@pytest.mark.parametrize("file", [contract.GRAPH, contract.MANIFEST])
def test_a_damaged_artifact_in_the_store_is_mended(artifact: Artifact, file: str) -> None:
    store = MemoryStore()
    _publish(artifact, store)
    store.put(f"{contract.artifact_path(artifact.name)}/{file}", b"damaged")
    _publish(artifact, store)
    assert published(store, artifact.name) == artifact.manifest


def test_where_it_comes_from_stands_beside_it_outside_the_digest(
    artifact: Artifact, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store", mkdir=True)
    publish.to_store(artifact, NOTE, store, ignore)
    folder = tmp_path / "store" / contract.artifact_path(artifact.name)
    assert json.loads((folder / PROVENANCE).read_bytes()) == NOTE
    assert PROVENANCE not in artifact.manifest.files


@pytest.mark.integration
def test_to_a_real_server_in_parts(tmp_path: Path, any_bucket: Bucket) -> None:
    files = FILES | {contract.GRAPH: bytes(range(256)) * (20 << 12)}  # 20 MiB: three parts
    artifact_files.write(tmp_path / "converted", files)
    artifact = publish.check(tmp_path / "converted")
    store = open_frazil_store(any_bucket.store_environ)
    _publish(artifact, store)
    _publish(artifact, store)
    graph = any_bucket.open().get(f"{contract.artifact_path(artifact.name)}/{contract.GRAPH}")
    assert bytes(graph.bytes()) == files[contract.GRAPH]
    assert published(store, artifact.name) == artifact.manifest


@pytest.mark.integration
@pytest.mark.parametrize("file", [contract.GRAPH, contract.MANIFEST])
def test_a_damaged_artifact_on_a_real_server_is_mended(
    artifact: Artifact, any_bucket: Bucket, file: str
) -> None:
    store = open_frazil_store(any_bucket.store_environ)
    _publish(artifact, store)
    store.put(f"{contract.artifact_path(artifact.name)}/{file}", b"damaged")
    _publish(artifact, store)
    assert published(store, artifact.name) == artifact.manifest


@pytest.mark.integration
def test_the_faster_of_two_has_written_the_manifest(any_bucket: Bucket) -> None:
    """What _put_manifest relies on: a real server refuses to create what is there."""
    store = open_frazil_store(any_bucket.store_environ)
    store.put("manifest", b"first", mode="create")
    with pytest.raises(AlreadyExistsError):
        store.put("manifest", b"second", mode="create")
    assert bytes(store.get("manifest").bytes()) == b"first"


@pytest.mark.integration
def test_a_store_that_denies_is_not_the_users_to_mend(
    artifact: Artifact, any_bucket: Bucket
) -> None:
    wrong = any_bucket.store_environ | any_bucket.forged
    with pytest.raises(UnavailableError, match="Frazil's store: access denied"):
        _publish(artifact, open_frazil_store(wrong))


class TestCheck:
    """Nothing that TensorFlow wrote is published unread."""

    @pytest.fixture
    def converted(self, tmp_path: Path) -> Path:
        artifact_files.write(tmp_path)
        return tmp_path

    def test_a_file_that_is_not_what_was_converted(self, converted: Path) -> None:
        (converted / contract.GRAPH).write_bytes(b"other")
        with pytest.raises(UnavailableError, match="is not what was converted"):
            publish.check(converted)

    def test_a_file_that_is_missing(self, converted: Path) -> None:
        (converted / contract.GRAPH).unlink()
        with pytest.raises(UnavailableError, match="cannot be read"):
            publish.check(converted)

    def test_a_link_to_a_file_of_the_container(self, converted: Path) -> None:
        graph = converted / contract.GRAPH
        graph.rename(converted / "elsewhere")
        graph.symlink_to(converted / "elsewhere")
        with pytest.raises(UnavailableError, match="no plain file"):
            publish.check(converted)

    def test_a_linked_folder(self, converted: Path) -> None:
        (converted / "assets").rename(converted / "elsewhere")
        (converted / "assets").symlink_to(converted / "elsewhere")
        with pytest.raises(UnavailableError, match="no plain file"):
            publish.check(converted)

    @pytest.mark.parametrize("name", ["../x", "/etc/hostname"])
    def test_a_name_that_leads_elsewhere(self, tmp_path: Path, name: str) -> None:
        manifest = artifact_files.manifest_of({name: b"x"})
        (tmp_path / contract.MANIFEST).write_bytes(manifest.to_json())
        with pytest.raises(UnavailableError, match="no plain file"):
            publish.check(tmp_path)


class TestToDirectory:
    """`frazil freeze --output DIRECTORY`."""

    def test_it_holds_the_files_themselves(self, artifact: Artifact, tmp_path: Path) -> None:
        output = tmp_path / "a" / "b"
        publish.to_directory(artifact, NOTE, output)
        assert publish.check(output).name == artifact.name
        assert publish.provenance_of(output) == NOTE

    def test_an_older_artifact_there_is_replaced(self, artifact: Artifact, tmp_path: Path) -> None:
        output = tmp_path / "output"
        artifact_files.write(output, {contract.GRAPH: b"older", "assets/gone.txt": b"x"})
        (output / "notes.txt").write_text("the user's own")
        publish.to_directory(artifact, NOTE, output)
        assert publish.check(output).name == artifact.name
        assert not (output / "assets/gone.txt").exists()
        assert (output / "notes.txt").read_text() == "the user's own"

    @pytest.mark.parametrize("file", ["notes.txt", contract.MANIFEST])
    def test_anything_else_there_is_left_alone(
        self, artifact: Artifact, tmp_path: Path, file: str
    ) -> None:
        output = tmp_path / "output"
        output.mkdir()
        (output / file).write_text("the user's own")
        with pytest.raises(FreezeError, match="is no artifact") as caught:
            publish.to_directory(artifact, NOTE, output)
        assert caught.value.exit is Exit.INVALID_REQUEST
        assert [path.name for path in output.iterdir()] == [file]
