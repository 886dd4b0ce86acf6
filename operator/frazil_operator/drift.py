"""Pure: whether a live object is what is desired, and what a status patch must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from frazil_operator import names
from frazil_operator.observed import Object
from frazil_operator.quantity import amount
from frazil_operator.revision import digest


def stamped(desired: Object) -> dict[str, Any]:
    """The desired object with its own hash among its annotations."""
    metadata = desired["metadata"]
    annotations = {**(metadata.get("annotations") or {}), names.HASH: digest(desired, 16)}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def differs(stamped_desired: Object, live: Object) -> bool:
    """Whether the object must be applied.

    The hash tells what the operator no longer wants, as a label less in a selector; the comparison
    of all the rest tells what others have changed.
    """
    return not _holds(stamped_desired, live)


def _holds(desired: Any, live: Any) -> bool:
    """Whether ``live`` has all of ``desired``, besides what the API server fills in.

    Go leaves out what is empty when it writes JSON (``omitempty``), so nothing equals empty. An
    item of a list may lie elsewhere in it, since lists are merged by key.
    """
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return all(_holds(value, live.get(name)) for name, value in desired.items())
    if isinstance(desired, list | tuple) and isinstance(live, list):
        return all(any(_holds(item, other) for other in live) for item in desired)
    if live is None:
        return not desired
    return bool(desired == live) or _same_quantity(desired, live)


def _same_quantity(desired: object, live: object) -> bool:
    """Whether two texts such as ``0.5`` and ``500m`` mean the same amount."""
    one, other = amount(desired), amount(live)
    return one is not None and one == other


def merge_patch(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7396) that turns ``live`` into ``desired``; {} if it is so."""
    patch: dict[str, Any] = {name: None for name in live if desired.get(name) is None}
    for name, value in desired.items():
        if value is None or live.get(name) == value:
            continue
        if isinstance(value, Mapping) and isinstance(live.get(name), Mapping):
            patch[name] = merge_patch(live[name], value)
        else:
            patch[name] = value
    return patch
