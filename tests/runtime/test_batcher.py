"""Rows put together, and taken apart again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime import batcher


@dataclass(eq=False)
class Waiting:
    rows: int


@pytest.mark.parametrize(
    ("rows", "best", "taken"),
    [
        pytest.param([1], 8, [1], id="one row alone does not wait for company"),
        pytest.param([1] * 13, 8, [1] * 8, id="13 rows: first 8"),
        pytest.param([1] * 5, 8, [1] * 4, id="then 4 of the 5 left"),
        pytest.param([3, 1], 8, [3, 1], id="different sizes, together a power of two"),
        pytest.param([3, 3], 8, [3, 1], id="the last one in part"),
        pytest.param([100], 8, [8], id="a part of a large one"),
        pytest.param([2, 100], 1, [1], id="a graph that gains nothing from batches"),
    ],
)
def test_the_next_run_takes(rows: list[int], best: int, taken: list[int]) -> None:
    waiting = [Waiting(each) for each in rows]
    formed = batcher.form(waiting, best)
    assert [count for _, count in formed] == taken
    assert [item for item, _ in formed] == waiting[: len(taken)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.sampled_from((1, 2, 8, 32)))
def test_every_row_is_run_once_in_sizes_that_were_warmed(rows: list[int], best: int) -> None:
    waiting = [Waiting(each) for each in rows]
    done = dict.fromkeys(waiting, 0)
    while waiting:
        formed = batcher.form(waiting, best)
        assert sum(count for _, count in formed) in (1, 2, 4, 8, 16, 32)
        assert sum(count for _, count in formed) <= best
        for item, count in formed:
            item.rows -= count
            done[item] += count
            assert count > 0
        waiting = [item for item in waiting if item.rows]
    assert list(done.values()) == rows


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_split_and_join_are_each_others_inverse(sizes: list[int]) -> None:
    total = sum(sizes)
    outputs = [np.arange(total * 3).reshape(total, 3), np.arange(total).astype(str).astype(object)]
    parts = batcher.split(outputs, sizes)
    assert [len(part[0]) for part in parts] == sizes
    for joined, output in zip(batcher.join(parts), outputs, strict=True):
        assert np.array_equal(joined, output)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(np.zeros(()), id="without rows"),
        pytest.param(np.zeros((3, 2)), id="of fewer rows"),
    ],
)
def test_an_output_that_is_not_of_the_runs_rows_is_refused(output: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a run of 4 rows"):
        batcher.split([output], [1, 3])
