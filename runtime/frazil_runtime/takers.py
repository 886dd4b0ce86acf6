"""The inputs of a model that take URIs, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Iterable

from frazil_runtime.contract import Policy
from frazil_runtime.logs import log
from frazil_runtime.manifest import Manifest
from frazil_runtime.request_signatures import dtypes_as_requested


def takers(manifest: Manifest) -> set[str]:
    """Those that take bytes: strings, and what is made of images."""
    return {name for name, dtype in dtypes_as_requested(manifest).items() if dtype == "string"}


def misfits(manifest: Manifest, names: Iterable[str]) -> dict[str, str]:
    """For which of the names nothing can be fetched, and why."""
    known = takers(manifest)
    listed = ", ".join(sorted(known)) or "(none of this model)"
    why = f"URIs stand for images or strings, which the inputs {listed} take"
    return {name: why for name in names if name not in known}


def warn(manifest: Manifest, policy: Policy) -> None:
    """Log what a policy allows to no end. It holds all the same: it comes while models serve."""
    for name, why in misfits(manifest, policy.allow).items():
        log.warning("spec.inputs.%s.fetch allows nothing: %s", name, why)
