"""Arrays of strings, in slices."""

from __future__ import annotations

import numpy as np
import pytest

from frazil_runtime.cache import key_of, size_of
from frazil_runtime.texts import HERE, Array, count, kinds, slices


def strings(*values: object) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def letters(text: str) -> list[bytes]:
    return [letter.encode() for letter in text]


MANY = [b"%d" % number for number in range(2 * HERE + 1)]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(strings(*MANY), MANY, id="more than a slice"),
        pytest.param(strings(*MANY[:-1]), MANY[:-1], id="whole slices"),
        pytest.param(strings(*letters("abcd")).reshape(2, 2), letters("abcd"), id="two axes"),
        pytest.param(strings(*letters("abcd")).reshape(2, 2).T, letters("acbd"), id="a transpose"),
        pytest.param(strings(b"a").reshape(()), [b"a"], id="a bare string"),
        pytest.param(strings(), [], id="none"),
    ],
)
def test_slices_are_the_elements_in_row_major_order(array: Array, expected: list[object]) -> None:
    assert [text for some in slices(array) for text in some] == expected
    assert max(map(len, slices(array)), default=0) <= HERE


def test_one_of_another_kind_is_found_wherever_it_is() -> None:
    for at in (0, HERE - 1, HERE, 2 * HERE):
        assert kinds(strings(*MANY[:at], "text", *MANY[at:])) == {bytes, str}
    assert kinds(strings()) == set()


def test_only_strings_are_counted() -> None:
    assert count([strings(b"a", b"b"), np.zeros(5), strings(b"c").reshape(1, 1)]) == 3


def test_keys_and_sizes_do_not_depend_on_how_many_slices_there_are() -> None:
    assert size_of(strings(*MANY)) == sum(8 + 64 + len(text) for text in MANY)
    other = [*MANY]
    other[HERE - 1], other[HERE] = MANY[HERE - 1] + b"x", MANY[HERE][1:]
    shifted = [*MANY]
    shifted[HERE - 1], shifted[HERE] = MANY[HERE - 1] + MANY[HERE][:1], MANY[HERE][1:]
    keys = {key_of(b"", 0, [strings(*each)]) for each in (MANY, other, shifted)}
    assert len(keys) == 3
