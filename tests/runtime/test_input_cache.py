"""Rows and fetched bodies share one bound, and are never taken for each other."""

from __future__ import annotations

import numpy as np
import pytest

from frazil_runtime.fetch import Fetched
from frazil_runtime.input_cache import InputCache


def test_a_row_is_found_by_what_it_was_made_of() -> None:
    cache, row = InputCache(10**4, "sha256-1"), np.ones(3)
    cache.keep_row(cache.key("photo", b"image"), row)
    assert cache.row(cache.key("photo", b"image")) is row


@pytest.mark.parametrize(
    ("artifact", "name", "image"),
    [
        pytest.param("sha256-1", "photo", b"other", id="another image"),
        pytest.param("sha256-1", "mask", b"image", id="another input"),
        pytest.param("sha256-2", "photo", b"image", id="another artifact"),
        pytest.param("sha256-1", "phot", b"oimage", id="name and image cut elsewhere"),
        pytest.param("sha256-1", "photo\0image", b"", id="all in the name"),
    ],
)
def test_a_row_has_another_key_for(artifact: str, name: str, image: bytes) -> None:
    key = InputCache(0, "sha256-1").key("photo", b"image")
    assert InputCache(0, artifact).key(name, image) != key


def test_a_body_is_found_by_its_uri_with_its_etag() -> None:
    cache, body = InputCache(10**4, "a"), Fetched(b"body", '"1"')
    cache.keep_fetched("s3://b/k", body)
    assert cache.fetched("s3://b/k") is body
    assert cache.fetched("s3://b/other") is None


def test_a_body_that_cannot_be_asked_for_again_is_not_kept() -> None:
    cache = InputCache(10**4, "a")
    cache.keep_fetched("s3://b/k", Fetched(b"body", ""))
    assert (cache.fetched("s3://b/k"), cache.bytes) == (None, 0)


def test_both_count_against_one_bound() -> None:
    cache = InputCache(3000, "a")
    cache.keep_row(b"1", np.zeros(1000, np.uint8))
    cache.keep_fetched("s3://b/k", Fetched(bytes(1000), "e"))
    assert 2000 < cache.bytes <= 3000
    cache.keep_row(b"2", np.zeros(1000, np.uint8))
    assert (cache.row(b"1"), cache.evictions) == (None, 1)
    cache.resize(0)
    assert (cache.bytes, cache.evictions) == (0, 3)


def test_forgetting_is_no_eviction() -> None:
    cache = InputCache(3000, "a")
    cache.keep_row(b"1", np.zeros(9))
    cache.drop_all()
    assert (cache.row(b"1"), cache.bytes, cache.evictions, cache.misses) == (None, 0, 0, 1)
