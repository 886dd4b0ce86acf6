"""How long a body may take to come."""

from __future__ import annotations

import pytest

from frazil_runtime.errors import Code
from frazil_runtime.transport.limits import Limits, too_large, too_slow

LIMITS = Limits(bytes=10, seconds=30.0, bytes_per_second=100.0)

PATIENCE: dict[str, tuple[float, int, float]] = {
    "nothing has come": (0.0, 0, 30.0),
    "nothing has come for long": (29.0, 0, 30.0),
    "what comes quickly buys the time that it took": (2.0, 100_000, 32.0),
    "what comes slowly buys time by its size": (25.0, 500, 35.0),
    "one byte now and then buys next to nothing": (29.0, 3, 30.03),
    "a pause is no longer than at the beginning": (1000.0, 10**9, 1030.0),
}


@pytest.mark.parametrize(("passed", "size", "patience"), PATIENCE.values(), ids=PATIENCE)
def test_patience(passed: float, size: int, patience: float) -> None:
    assert LIMITS.patience(passed, size) == pytest.approx(patience)


def test_refusals_say_what_was_wrong() -> None:
    assert too_large(10).code is Code.PAYLOAD_TOO_LARGE
    assert str(too_large(10)).endswith("larger than 10 bytes: send fewer rows at a time")
    assert too_slow(3).code is Code.REQUEST_TIMEOUT
    assert str(too_slow(3)).endswith("too slowly: 3 bytes")
