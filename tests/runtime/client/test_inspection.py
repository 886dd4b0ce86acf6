"""`frazil inspect`: an artifact as a person and as a machine reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import artifact_files
from fakes.artifact_files import Conversion
from fakes.s3 import Bucket

from frazil_runtime import contract
from frazil_runtime.client.inspection import Inspected, as_json, as_text, inspect
from frazil_runtime.client.tables import shape, table
from frazil_runtime.errors import ArtifactError
from frazil_runtime.freeze import local
from frazil_runtime.freeze.request import FreezeRequest
from frazil_runtime.manifest import Asset, Tensor


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """An artifact that `frazil freeze` wrote, its provenance beside it."""
    model = tmp_path / "frozen.pb"
    model.write_bytes(b"graph")
    request = FreezeRequest(str(model), outputs={"y": "probs"}, feeds={"keep_prob": 1.0})
    local.freeze(request, str(tmp_path / "output"), {}, lambda _: None, Conversion())
    return tmp_path / "output"


def test_a_person_reads_signatures_files_and_where_it_comes_from(frozen: Path) -> None:
    text = as_text(inspect(str(frozen)))
    for line in (
        "  checked: the digest of every file",
        "signature serving_default (default)",
        "  input   x  float32  [?, 4]",
        "  output  y  float32  any shape",
        "  loops   none",
        "  options       outputs y=probs, feeds keep_prob=1.0",
        "  proof         answers as the checkpoint does, to 0.0001 relative and absolute",
    ):
        assert line in text.splitlines()


def test_a_machine_reads_all_there_is(frozen: Path) -> None:
    inspected = inspect(f"file://{frozen}")
    record = json.loads(as_json(inspected))
    assert record["digest"] == inspected.manifest.digest
    assert record["signatures"]["serving_default"]["inputs"][0]["shape"] == [-1, 4]
    assert record["files"].keys() == artifact_files.FILES.keys()
    assert record["provenance"]["request"]["outputs"] == {"y": "probs"}


def test_what_a_graph_needs_is_said() -> None:
    manifest = replace(
        artifact_files.manifest_of({}),
        loops=True,
        initialization=("fill", "fill_1"),
        assets=(Asset("file:0", "assets/words.txt"),),
    )
    text = as_text(Inspected(manifest, {}, "nothing"))
    assert "  loops   yes: what a run costs depends on the data" in text
    assert "  tables  2 operations fill them" in text
    assert "  assets  assets/words.txt" in text
    assert "unknown:  there is no provenance.json beside the manifest" in text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(contract.GRAPH, "is corrupt and is not served", id="a file that is damaged"),
        pytest.param(contract.MANIFEST, "manifest.json is damaged", id="a manifest that is none"),
    ],
)
def test_a_damaged_artifact_is_no_artifact(frozen: Path, damage: str, message: str) -> None:
    (frozen / damage).write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=message):
        inspect(str(frozen))


@pytest.mark.parametrize("place", ["none", "file:///none"])
def test_a_directory_that_is_not_there(place: str) -> None:
    with pytest.raises(ArtifactError, match="there is no such directory"):
        inspect(place)


@pytest.mark.integration
def test_of_a_store_two_documents_are_read(tmp_path: Path, bucket: Bucket) -> None:
    model = tmp_path / "frozen.pb"
    model.write_bytes(b"graph")
    request = FreezeRequest(str(model))
    place = local.freeze(request, bucket.url, bucket.environ, lambda _: None, Conversion()).place
    inspected = inspect(place, bucket.environ)
    assert place.endswith(inspected.manifest.digest)
    assert inspected.provenance["request"]["uri"] == str(model)
    assert inspected.checked == "the manifest's digest; no file was fetched"
    with pytest.raises(ArtifactError, match="nothing there in the store"):
        inspect(f"{place}x", bucket.environ)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        pytest.param(Tensor("x", "x:0", "int32", None), "any shape", id="any rank"),
        pytest.param(Tensor("x", "x:0", "int32", ()), "[]", id="a scalar"),
        pytest.param(Tensor("x", "x:0", "int32", (-1, 3)), "[?, 3]", id="a free dimension"),
        pytest.param(
            Tensor("x", "x:0", "int32", (-1, -1, 3), (1, 32, 3)), "[?, ≥32, 3]", id="a least size"
        ),
    ],
)
def test_a_shape_is_shown(tensor: Tensor, expected: str) -> None:
    assert shape(tensor) == expected


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([("a", "bbb", ""), ("aa", "b", "c")]) == ["  a   bbb", "  aa  b    c"]
