"""The output cache: keys that tell requests apart, and what is kept under them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from frazil_runtime.cache import Array, OutputCache, key_of, scope_of


def key(*arrays: Array, epoch: int = 0, model: str = "m", signature: str = "s") -> bytes:
    named = [(f"x{at}", array) for at, array in enumerate(arrays)]
    return key_of(scope_of(model, "sha256-a", signature, named), epoch, arrays)


def strings(*texts: bytes) -> Array:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


FLOATS = np.arange(6, dtype=np.float32)

DIFFERENT = {
    "a vector": (FLOATS,),
    "its rows": (FLOATS.reshape(2, 3),),
    "its columns": (FLOATS.reshape(2, 3).T,),
    "the columns' rows": (FLOATS.reshape(3, 2),),
    "its bytes as another type": (FLOATS.view(np.int32),),
    "two inputs": (FLOATS[:3], FLOATS[3:]),
    "two inputs, cut elsewhere": (FLOATS[:2], FLOATS[2:]),
    "nothing": (),
    "an empty input": (FLOATS[:0],),
    "empty rows": (np.empty((0, 3), np.float32),),
    "rows of nothing": (np.empty((3, 0), np.float32),),
    "empty truths": (np.empty((0, 2), bool),),
    "no rank": (np.array(1.0, np.float32),),
    "no rank, bfloat16": (np.array(1.0, ml_dtypes.bfloat16),),
    "bfloat16": (FLOATS.astype(ml_dtypes.bfloat16),),
    "float16": (FLOATS.astype(np.float16),),
    "complex": (FLOATS.astype(np.complex64),),
    "empty complex": (np.empty((0, 2), np.complex128),),
    "empty bfloat16": (np.empty((0, 2), ml_dtypes.bfloat16),),
    "a string": (strings(b"ab"),),
    "two strings": (strings(b"a", b"b"),),
    "two strings, one empty": (strings(b"ab", b""),),
    "two strings, the other empty": (strings(b"", b"ab"),),
    "a string that looks like lengths": (strings(b"1,1;ab"),),
    "two inputs of strings": (strings(b"a"), strings(b"b")),
    "no strings": (strings(),),
}


def test_what_differs_has_another_key() -> None:
    keys = {name: key(*arrays) for name, arrays in DIFFERENT.items()}
    assert len(set(keys.values())) == len(keys)


@pytest.mark.parametrize("arrays", DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_equal_has_the_same_key_however_it_lies_in_memory(
    arrays: tuple[Array, ...],
) -> None:
    turned = [np.asfortranarray(array) if array.ndim > 1 else array.copy() for array in arrays]
    assert key(*arrays) == key(*turned)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(key(FLOATS, epoch=1), id="another epoch"),
        pytest.param(key(FLOATS, model="n"), id="another model"),
        pytest.param(key(FLOATS, signature="t"), id="another signature"),
        pytest.param(key(FLOATS, model="ms", signature=""), id="the same letters, cut elsewhere"),
    ],
)
def test_what_surrounds_a_request_is_in_its_key(other: bytes) -> None:
    assert key(FLOATS) != other


def test_a_view_is_kept_without_what_it_is_a_view_of() -> None:
    cache = OutputCache()
    cache.set(on=True, epoch=0, max_bytes=10_000)
    batch = np.zeros((1000, 2), np.float32)
    cache.put(b"k", [batch[:1], FLOATS], 0)
    kept = cache.get(b"k")
    assert kept is not None
    assert [array.base for array in kept] == [None, None]
