"""What may happen once in so many seconds."""

from __future__ import annotations

from frazil_runtime.accuracy.once import Once


def test_what_happened_is_remembered_for_so_long() -> None:
    once = Once()
    assert not once.happened("a", 100.0, 60.0)
    once.add("a", 100.0)
    assert once.happened("a", 159.9, 60.0)
    assert not once.happened("b", 159.9, 60.0)
    assert not once.happened("a", 160.0, 60.0)
    assert len(once) == 0


def test_what_happens_again_is_remembered_anew() -> None:
    once = Once()
    for now in (100.0, 160.0):
        assert not once.happened("a", now, 60.0)
        once.add("a", now)
    assert once.happened("a", 219.0, 60.0)


def test_of_too_much_the_oldest_is_forgotten() -> None:
    once = Once(remembered=2)
    for key in "abac":
        once.add(key, 100.0)
    assert [once.happened(key, 100.0, 60.0) for key in "abc"] == [True, False, True]
