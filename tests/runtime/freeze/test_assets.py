"""The files that a TF1 checkpoint needs besides its own, and where they go in the artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import published as models
from fakes.buckets import Bucket
from fakes.web import Web

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import local
from frazil_runtime.freeze.artifact import asset_files
from frazil_runtime.freeze.assets import asset_names
from frazil_runtime.freeze.convert import convert
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.source import Fetched, fetch, find

pytestmark = pytest.mark.tensorflow

Build = Callable[..., Path]


def _ignore(_: Any) -> None:
    pass


def _fetched(uri: str, environ: dict[str, str], folder: Path) -> tuple[Fetched, set[str]]:
    got = fetch(find(uri, environ), folder, _ignore)
    return got, {path.name for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint with its vocabulary, and other files beside them."""
    folder = tmp_path / "model"
    folder.mkdir()
    models.table_checkpoint(folder)
    (folder / "events.out").write_text("what training logged")
    return folder


@pytest.mark.parametrize(
    ("builder", "names"),
    [
        pytest.param(models.table_checkpoint, {"vocab.txt"}, id="a vocabulary"),
        pytest.param(models.checkpoint, set(), id="no tables"),
    ],
)
def test_a_meta_file_names_its_assets(builder: Build, names: set[str], built: Any) -> None:
    prefix = built(builder)
    assert asset_names(prefix.with_name(f"{prefix.name}.meta").read_bytes()) == names


@pytest.mark.parametrize("data", [b"", b"no meta graph", b"\x22\x05\x0a\x7f"])
def test_a_damaged_meta_file_names_none(data: bytes) -> None:
    assert asset_names(data) == set()


def test_what_is_fetched_and_pinned_is_the_vocabulary_and_nothing_else_beside_it(
    folder: Path, tmp_path: Path
) -> None:
    uri = str(folder / "model.ckpt")
    first, names = _fetched(uri, {}, tmp_path / "first")
    assert names == {
        "model.ckpt.index",
        "model.ckpt.meta",
        "model.ckpt.data-00000-of-00001",
        "vocab.txt",
    }
    (folder / "events.out").write_text("more of it")
    second, _ = _fetched(uri, {}, tmp_path / "second")
    (folder / "vocab.txt").write_text("other\nwords\nnow\n")
    third, _ = _fetched(uri, {}, tmp_path / "third")
    assert first.digest == second.digest != third.digest


@pytest.mark.integration
def test_a_vocabulary_comes_from_a_bucket_too(
    folder: Path, tmp_path: Path, any_bucket: Bucket
) -> None:
    url = any_bucket.upload(folder, "some/prefix")
    _, names = _fetched(f"{url}/model.ckpt", any_bucket.environ, tmp_path / "got")
    assert "vocab.txt" in names


def test_a_vocabulary_comes_from_the_web_too(folder: Path, tmp_path: Path, web: Web) -> None:
    _, names = _fetched(f"{web.over(folder)}/model.ckpt", {}, tmp_path / "got")
    assert "vocab.txt" in names


def test_a_vocabulary_that_is_not_there_is_asked_for(folder: Path, tmp_path: Path) -> None:
    (folder / "vocab.txt").unlink()
    request = FreezeRequest(str(folder / "model.ckpt"), outputs={"vectors": "vectors"})
    with pytest.raises(FreezeError, match="beside the TF1 checkpoint under its own name"):
        local.freeze(request, str(tmp_path / "artifact"), {}, _ignore)


def test_a_checkpoint_with_a_vocabulary_is_frozen_from_where_it_was_copied(
    folder: Path, tmp_path: Path
) -> None:
    request = FreezeRequest(
        str(folder.rename(tmp_path / "elsewhere") / "model.ckpt"), outputs={"vectors": "vectors"}
    )
    local.freeze(request, str(tmp_path / "artifact"), {}, _ignore)
    assert (tmp_path / "artifact/assets/vocab.txt").read_text() == "cold\nice\nwater\n"


def test_two_vocabularies_of_one_name_cannot_both_lie_beside_a_checkpoint(tmp_path: Path) -> None:
    prefix = models.table_checkpoint(tmp_path, tmp_path / "a", tmp_path / "b")
    (tmp_path / "vocab.txt").write_text("cold\n")
    request = FreezeRequest("model", outputs={"vectors": "vectors"})
    with pytest.raises(FreezeError, match=r"a/vocab\.txt and from .*b/vocab\.txt") as caught:
        convert(prefix, request, tmp_path / "artifact", _ignore)
    assert caught.value.exit is Exit.UNSUPPORTED_MODEL


def test_files_of_one_name_are_numbered_in_the_artifact() -> None:
    assets = {
        "x:0": Path("b/vocab.txt"),
        "w:0": Path("a/vocab.txt"),
        "z:0": Path("a/vocab_1.txt"),
        "y:0": Path("b/vocab.txt"),
    }
    assert asset_files(assets) == {
        Path("a/vocab.txt"): "assets/vocab.txt",
        Path("b/vocab.txt"): "assets/vocab_1.txt",
        Path("a/vocab_1.txt"): "assets/vocab_1_1.txt",
    }


def test_a_checkpoint_of_one_file_is_fetched_with_its_graph(built: Any, tmp_path: Path) -> None:
    request = FreezeRequest(str(built(models.old_checkpoint)), outputs={"y": "y"})
    frozen = local.freeze(request, str(tmp_path / "artifact"), {}, _ignore)
    assert frozen.manifest.signatures["serving_default"].inputs[0].name == "x"
