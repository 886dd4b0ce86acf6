"""Quantiles from counts: as Prometheus' histogram_quantile has them."""

from __future__ import annotations

import pytest

from frazil_runtime.histogram import quantile

BOUNDS = (0.1, 0.2, 0.4)


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        pytest.param((0, 0, 0, 0), 0.99, 0.0, id="of nothing"),
        pytest.param((10, 0, 0, 0), 0.5, 0.05, id="in the first bucket, from 0 on"),
        pytest.param((10, 0, 0, 0), 1.0, 0.1, id="all of one bucket"),
        pytest.param((99, 1, 0, 0), 0.99, 0.1, id="on a bound"),
        pytest.param((90, 0, 10, 0), 0.99, 0.38, id="an empty bucket on the way"),
        pytest.param((0, 0, 4, 0), 0.5, 0.3, id="in the middle of a bucket"),
        pytest.param((1, 0, 0, 9), 0.99, 0.4, id="beyond the last bound"),
    ],
)
def test_quantile(counts: tuple[int, ...], share: float, value: float) -> None:
    assert quantile(share, BOUNDS, counts) == pytest.approx(value)
