"""warmup.npz holds every dtype, without pickle, in the same bytes each time."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from frazil_runtime import warmup
from frazil_runtime.dtypes import DTYPES, DType


def _strings(*texts: bytes) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_an_array_comes_back_as_it_was(dtype: DType) -> None:
    if dtype.is_string:
        array = _strings(b"", b"\x00\xff", b"long" * 1000, b"snow").reshape(2, 2)
    else:
        array = np.arange(4).reshape(2, 2).astype(dtype.numpy)
    back = warmup.load(warmup.dump({"predict": {"x": array}}))["predict"]["x"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        pytest.param("serving_default", "x", id="plain names"),
        pytest.param("a/b", "features/indices", id="names with a slash"),
        pytest.param("a", "x.shape", id="an input named like a part of a string tensor"),
        pytest.param("ä .blob", "x:0", id="names with other characters"),
    ],
)
def test_names_come_back_as_they_were(signature: str, name: str) -> None:
    back = warmup.load(warmup.dump({signature: {name: np.ones(2)}}))
    assert list(back) == [signature]
    assert list(back[signature]) == [name]


def test_a_signature_without_inputs_is_kept() -> None:
    assert warmup.load(warmup.dump({"constant": {}})) == {"constant": {}}


def test_an_empty_string_tensor_keeps_its_shape() -> None:
    back = warmup.load(warmup.dump({"s": {"x": np.empty((0, 3), object)}}))
    assert back["s"]["x"].shape == (0, 3)


def test_equal_samples_are_equal_bytes_without_a_date() -> None:
    samples = {"b": {"y": _strings(b"1"), "x": np.ones(3)}, "a": {"x": np.zeros(1)}}
    reordered = {"a": samples["a"], "b": dict(reversed(samples["b"].items()))}
    assert warmup.dump(samples) == warmup.dump(reordered)
    members = zipfile.ZipFile(io.BytesIO(warmup.dump(samples))).infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("data", [b"", b"not a zip file"], ids=["nothing", "no npz"])
def test_what_is_no_npz_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="warm-up requests"):
        warmup.load(data)
