from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import artifact_files
from obstore.store import LocalStore

from frazil_runtime import contract
from frazil_runtime.contract import FreezeResult
from frazil_runtime.freeze.index import cpu_type, enter, freezer_version, index_key, look_up
from frazil_runtime.freeze.request import FreezeRequest

REQUEST = FreezeRequest("s3://models/m.keras", outputs={"y": "probs"}, feeds={"keep_prob": 1.0})
KEY = {"checkpoint": "sha256:1", "samples": "", "freezer": "v1", "cpu": "avx2"}


def _key(request: FreezeRequest = REQUEST, **change: str) -> str:
    named = KEY | change
    return index_key(named["checkpoint"], named["samples"], request, named["freezer"], named["cpu"])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(REQUEST, uri="gs://elsewhere/m.keras"), id="where it lies"),
        pytest.param(replace(REQUEST, digest="sha256:1"), id="whether it is pinned"),
        pytest.param(replace(REQUEST, samples="s3://other.npz"), id="where the samples lie"),
    ],
)
def test_equal_freezes_have_one_key_whatever(other: FreezeRequest) -> None:
    assert _key(other) == _key()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_key(checkpoint="sha256:2"), id="the checkpoint"),
        pytest.param(_key(samples="abc"), id="the samples' content"),
        pytest.param(_key(freezer="v2"), id="the freezer"),
        pytest.param(_key(cpu="avx512"), id="the CPU's type"),
        pytest.param(_key(replace(REQUEST, outputs={"y": "logits"})), id="the outputs"),
        pytest.param(_key(replace(REQUEST, feeds={"keep_prob": 0.5})), id="a feed"),
        pytest.param(_key(replace(REQUEST, feeds={"keep_prob": "1.0"})), id="a feed's type"),
        pytest.param(_key(replace(REQUEST, tolerance=1e-3)), id="the tolerance"),
        pytest.param(_key(replace(REQUEST, images={"x": {"height": 1}})), id="an image input"),
    ],
)
def test_another_key_for_what_may_make_another_artifact(other: str) -> None:
    assert other != _key()


INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
cpu MHz\t\t: 2700.000
flags\t\t: fpu sse sse2 {extra} avx2 fma

processor\t: 1
"""


def test_a_cpus_type_is_its_model_and_vector_instructions() -> None:
    text = INTEL.format(extra="md_clear")
    assert cpu_type(text, "x86_64") == "x86_64 GenuineIntel 6 207 avx2 fma sse sse2"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param(
            INTEL.format(extra="").replace("2700", "3100"), True, id="its clock is higher"
        ),
        pytest.param(INTEL.format(extra="retbleed"), True, id="its kernel is newer"),
        pytest.param(INTEL.format(extra="avx512f"), False, id="it has AVX-512"),
        pytest.param(INTEL.format(extra="").replace("207", "85"), False, id="it is another model"),
    ],
)
def test_two_cpus_are_of_one_type_or_not(text: str, same: bool) -> None:
    assert (cpu_type(text, "x86_64") == cpu_type(INTEL.format(extra=""), "x86_64")) is same


def test_the_operator_names_the_freezers_image() -> None:
    assert freezer_version({contract.ENV_FREEZER_VERSION: "image@sha256:1"}) == "image@sha256:1"
    assert freezer_version({}).startswith("frazil 0.")


class TestLookUp:
    """What the store says to a key."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path)

    @pytest.fixture
    def result(self, tmp_path: Path) -> FreezeResult:
        """The result of a freeze whose artifact is in the store."""
        name = artifact_files.manifest_of(artifact_files.FILES).digest
        artifact_files.write(tmp_path / contract.artifact_path(name))
        return FreezeResult(name, "sha256:1", 10, 20)

    def test_what_was_entered_is_found(self, store: LocalStore, result: FreezeResult) -> None:
        enter(store, "key", result)
        assert look_up(store, "key") == result

    def test_an_unknown_key_is_nothing(self, store: LocalStore, result: FreezeResult) -> None:
        enter(store, "key", result)
        assert look_up(store, "other") is None

    @pytest.mark.parametrize("file", [contract.MANIFEST, contract.GRAPH])
    def test_an_artifact_that_is_no_longer_whole_is_nothing(
        self, store: LocalStore, result: FreezeResult, file: str
    ) -> None:
        enter(store, "key", result)
        store.delete(f"{contract.artifact_path(result.artifact)}/{file}")
        assert look_up(store, "key") is None

    @pytest.mark.parametrize(
        "entry", [b"", b"\xff", b"[]", b'{"reason": "x"}', b'{"artifact": "../../x"}']
    )
    def test_a_damaged_entry_is_nothing(self, store: LocalStore, entry: bytes) -> None:
        store.put(contract.index_path("key"), entry)
        assert look_up(store, "key") is None
