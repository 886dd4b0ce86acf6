"""What Kubernetes quantities amount to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from frazil_operator.quantity import amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("256Mi", Decimal(256 * 2**20), id="a binary suffix"),
        pytest.param("1.5k", Decimal(1500), id="a decimal suffix"),
        pytest.param("250m", Decimal("0.25"), id="thousandths"),
        pytest.param("1e3", Decimal(1000), id="an exponent"),
        pytest.param("1E", Decimal(10**18), id="a suffix that looks like an exponent"),
        pytest.param("1E3", Decimal(1000), id="an exponent that looks like a suffix"),
        pytest.param("-1Ki", Decimal(-1024), id="a sign"),
        pytest.param(7, Decimal(7), id="a number"),
        pytest.param(".5", Decimal("0.5"), id="no digit before the point"),
        pytest.param("much", None, id="a word"),
        pytest.param("1 Mi", None, id="a space"),
        pytest.param("", None, id="nothing"),
        pytest.param(True, None, id="a truth"),
    ],
)
def test_the_amount_of(text: object, expected: Decimal | None) -> None:
    assert amount(text) == expected
