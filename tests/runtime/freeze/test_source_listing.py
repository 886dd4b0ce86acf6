from __future__ import annotations

import hashlib

import pytest

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.digest import checkpoint_digest
from frazil_runtime.freeze.listing import Entry, checkpoint, nothing, part, saved_model
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import File

URI = "s3://models/digits"


def _entries(*keys: str) -> list[Entry]:
    return [Entry(key, 1) for key in keys]


def _below(*names: str, markers: tuple[str, ...] = ()) -> dict[str, Entry]:
    sizes = {**dict.fromkeys(names, 1), **dict.fromkeys(markers, 0)}
    return {name: Entry(name, size) for name, size in sizes.items()}


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        pytest.param(
            ["m.index", "m.data-00000-of-00001", "m.meta", "checkpoint"],
            ["m.data-00000-of-00001", "m.index", "m.meta"],
            id="one shard and its graph",
        ),
        pytest.param(
            ["m.index", "m.data-00000-of-00002", "m.data-00001-of-00002"],
            ["m.data-00000-of-00002", "m.data-00001-of-00002", "m.index"],
            id="two shards, no graph: the loader says so",
        ),
        pytest.param(
            ["m-1.index", "m-1.data-00000-of-00001", "mm.index"], [], id="only longer names"
        ),
        pytest.param(["m", "m.meta", "m.txt"], ["m", "m.meta"], id="one file, the old format"),
        pytest.param(
            ["m", "m.index", "m.data-00000-of-00001"],
            ["m.data-00000-of-00001", "m.index"],
            id="a file of the very name beside the present format: not of it",
        ),
        pytest.param(["m.indexes", "m.data", "m.txt"], [], id="only other endings"),
    ],
)
def test_a_checkpoint_is_its_prefix_and_known_endings(beside: list[str], found: list[str]) -> None:
    assert sorted(checkpoint(URI, "m", _entries(*beside))) == found


@pytest.mark.parametrize(
    ("beside", "missing"),
    [
        pytest.param(["m.index"], "m.data-00000-of-00001", id="no data"),
        pytest.param(["m.meta"], "m.index", id="only the graph"),
        pytest.param(
            ["m.index", "m.data-00000-of-00003", "m.data-00002-of-00003"],
            "m.data-00001-of-00003 is",
            id="one shard of three is absent",
        ),
    ],
)
def test_a_checkpoint_that_is_not_whole_says_what_to_upload(
    beside: list[str], missing: str
) -> None:
    with pytest.raises(FreezeError, match=missing) as caught:
        checkpoint(URI, "m", _entries(*beside))
    assert caught.value.exit is Exit.INVALID_CHECKPOINT


def test_all_files_of_a_saved_model_count() -> None:
    names = ("saved_model.pb", "variables/variables.index", "assets.extra/requests", "assets/words")
    assert saved_model(URI, _below(*names)).keys() == set(names)


def test_what_s3_tools_leave_for_folders_does_not_count() -> None:
    below = _below(
        "saved_model.pb",
        "variables/variables.index",
        markers=("", "variables", "assets", "assets.extra", "assets/empty_vocabulary"),
    )
    assert saved_model(URI, below).keys() == {
        "saved_model.pb",
        "variables/variables.index",
        "assets/empty_vocabulary",
    }


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        pytest.param(["1/saved_model.pb", "2/saved_model.pb"], f"{URI}/1, {URI}/2", id="versions"),
        pytest.param(["model.ckpt-5.index"], f"{URI}/model.ckpt-5", id="a folder of checkpoints"),
        pytest.param(["README.md"], "without a saved_model.pb", id="neither"),
    ],
)
def test_a_folder_around_models_names_them(names: list[str], hint: str) -> None:
    with pytest.raises(FreezeError, match=hint) as caught:
        saved_model(URI, _below(*names))
    assert caught.value.exit is Exit.INVALID_CHECKPOINT


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(FreezeError, match="no relative path") as caught:
        saved_model(URI, _below("saved_model.pb", "assets/../../../etc/cron.d/x"))
    assert caught.value.exit is Exit.INVALID_REQUEST


def test_nothing_there_names_what_comes_near() -> None:
    error = nothing(f"{URI}/model.ckpt-100", "model.ckpt-100", ["model.ckpt-1000.index", "log"])
    assert error.exit is Exit.SOURCE_NOT_FOUND
    assert "Nearest names beside it: model.ckpt-1000." in str(error)


@pytest.mark.parametrize("ending", ["index", "meta", "data-00000-of-00001"])
def test_one_file_of_a_checkpoint_is_not_its_name(ending: str) -> None:
    error = part(f"{URI}/model.ckpt-1000.{ending}", f"model.ckpt-1000.{ending}")
    assert error is not None
    assert str(error).endswith(f"name their common prefix, {URI}/model.ckpt-1000")


def test_the_digest_is_over_sorted_lines_of_content_size_and_name() -> None:
    a, b = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"bb").hexdigest()
    expected = hashlib.sha256(f"{b} 2 Z\n{a} 1 a\n".encode()).hexdigest()
    assert checkpoint_digest({"a": File(a, 1), "Z": File(b, 2)}) == f"sha256:{expected}"
