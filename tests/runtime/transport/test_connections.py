"""How long connections live."""

from __future__ import annotations

from frazil_runtime.transport.connections import lifetime


def test_connections_live_30_seconds_20_percent_more_or_less() -> None:
    drawn = [lifetime() for _ in range(1000)]
    assert 24 <= min(drawn) < 25
    assert 35 < max(drawn) <= 36
