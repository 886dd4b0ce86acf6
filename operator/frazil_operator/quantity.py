"""Pure: what a Kubernetes quantity such as ``256Mi`` amounts to."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i|))"
)
_SUFFIXES: Final = {"": Decimal(1)} | {
    suffix: factor
    for i, letter in enumerate("KMGTPE", start=1)
    for suffix, factor in (
        (letter if letter != "K" else "k", Decimal(1000) ** i),
        (f"{letter}i", Decimal(1024) ** i),
    )
} | {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}  # fmt: skip


def amount(value: object) -> Decimal | None:
    """The amount (resource.Quantity: a suffix or an exponent), None for what is no quantity."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix])
