"""The least recently used goes first, and the bound in bytes always holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.lru import ByteLRU


def _filled(max_bytes: int, *entries: tuple[str, int]) -> ByteLRU[str]:
    cache = ByteLRU[str](max_bytes)
    for key, size in entries:
        cache.put(key, key.upper(), size)
    return cache


def _keys(cache: ByteLRU[str], among: str) -> str:
    return "".join(key for key in among if cache.get(key))


def test_what_was_put_is_found_and_what_was_not_is_none() -> None:
    cache = _filled(10, ("a", 1))
    assert cache.get("a") == "A"
    assert cache.get("b") is None
    assert (cache.hits, cache.misses) == (1, 1)


def test_the_one_not_used_for_longest_makes_room() -> None:
    cache = _filled(3, ("a", 1), ("b", 1), ("c", 1))
    cache.get("a")
    cache.put("d", "D", 1)
    assert _keys(cache, "abcd") == "acd"
    assert (cache.evictions, cache.bytes) == (1, 3)


def test_a_large_one_makes_as_many_go_as_it_needs() -> None:
    cache = _filled(4, ("a", 1), ("b", 1), ("c", 2), ("d", 3))
    assert _keys(cache, "abcd") == "d"
    assert cache.evictions == 3


def test_one_that_is_larger_than_the_bound_is_not_kept_and_evicts_nothing() -> None:
    cache = _filled(4, ("a", 4), ("b", 5))
    assert _keys(cache, "ab") == "a"
    assert cache.evictions == 0


def test_the_old_value_of_a_key_is_gone_even_where_the_new_one_is_too_large() -> None:
    cache = _filled(4, ("a", 1), ("a", 5))
    assert cache.get("a") is None
    assert cache.bytes == 0


def test_a_value_that_is_replaced_counts_once() -> None:
    cache = _filled(4, ("a", 1), ("a", 3))
    assert (cache.bytes, len(cache), cache.evictions) == (3, 1, 0)


def test_a_value_of_no_bytes_is_kept_under_a_bound_of_none() -> None:
    assert _keys(_filled(0, ("a", 0), ("b", 1)), "ab") == "a"


def test_dropping_is_no_eviction() -> None:
    cache = _filled(9, ("a", 1), ("b", 2), ("c", 3))
    cache.drop("a")
    cache.drop("a")
    assert cache.bytes == 5
    cache.drop_all()
    assert (cache.bytes, len(cache), cache.evictions) == (0, 0, 0)


@pytest.mark.parametrize(
    ("bound", "left"),
    [
        pytest.param(3, "c", id="a smaller bound evicts at once, the oldest first"),
        pytest.param(0, "", id="no bytes at all"),
        pytest.param(9, "abc", id="a larger bound evicts nothing"),
    ],
)
def test_another_bound(bound: int, left: str) -> None:
    cache = _filled(6, ("a", 1), ("b", 2), ("c", 3))
    cache.resize(bound)
    assert _keys(cache, "abc") == left


def test_a_larger_bound_takes_what_did_not_fit_before() -> None:
    cache = _filled(1)
    cache.resize(2)
    cache.put("a", "A", 2)
    assert cache.get("a") == "A"


_KEYS = st.integers(0, 4)
_CALLS = st.one_of(
    st.tuples(st.just("put"), _KEYS, st.integers(0, 6)),
    st.tuples(st.just("get"), _KEYS, st.just(0)),
    st.tuples(st.just("drop"), _KEYS, st.just(0)),
    st.tuples(st.just("resize"), st.integers(0, 12), st.just(0)),
    st.tuples(st.just("drop_all"), st.just(0), st.just(0)),
)


def _without(model: list[tuple[int, int]], key: int) -> list[tuple[int, int]]:
    return [entry for entry in model if entry[0] != key]


@given(st.lists(_CALLS))
def test_it_does_what_a_list_in_order_of_use_would(calls: list[tuple[str, int, int]]) -> None:
    cache, bound, model = ByteLRU[int](8), 8, list[tuple[int, int]]()
    for call, key, size in calls:
        match call:
            case "put":
                cache.put(key, size, size)
                model = _without(model, key)
                if size <= bound:
                    model.append((key, size))
            case "get":
                sizes = dict(model)
                assert cache.get(key) == sizes.get(key)
                if key in sizes:
                    model = [*_without(model, key), (key, sizes[key])]
            case "drop":
                cache.drop(key)
                model = _without(model, key)
            case "resize":
                bound = key
                cache.resize(bound)
            case _:
                cache.drop_all()
                model = []
        while sum(size for _, size in model) > bound:
            model.pop(0)
        assert cache.bytes == sum(size for _, size in model) <= bound
        assert len(cache) == len(model)
