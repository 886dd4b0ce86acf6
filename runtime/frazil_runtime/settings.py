"""What one `frazil serve` is told, by flags and by its environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from frazil_runtime import contract


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A flag wins over the environment.

    ``artifact`` is a directory, a URI, or ``sha256-<hex>`` in the store of FRAZIL_STORE_*.
    ``revision`` is empty where nobody named one: then it is taken from the artifact's digest.
    ``cpu_request`` is in cores, 0 where there is none.
    """

    artifact: str
    name: str
    version: str
    revision: str
    host: str
    http_port: int
    admin_port: int
    cache_dir: Path
    drain_seconds: float
    cpu_request: float

    @classmethod
    def read(cls, flags: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
        """Merge the flags of ``add_arguments`` with FRAZIL_*; SettingsError says what is wrong."""
        artifact = flags.artifact or environ.get(contract.ENV_ARTIFACT, "")
        if not artifact:
            raise SettingsError(
                f"no artifact: name a directory or a URI, or set {contract.ENV_ARTIFACT}"
            )
        return cls(
            artifact=artifact,
            name=flags.name or environ.get(contract.ENV_MODEL_NAME, "default"),
            version=_version(environ.get(contract.ENV_VERSION, "1")),
            revision=environ.get(contract.ENV_REVISION, ""),
            host=flags.host,
            http_port=flags.http_port,
            admin_port=flags.admin_port,
            cache_dir=Path(environ.get(contract.ENV_CACHE_DIR) or _default_cache_dir(environ)),
            drain_seconds=_number(environ, contract.ENV_DRAIN_SECONDS, "5"),
            cpu_request=_number(environ, contract.ENV_CPU_REQUEST, "0") / 1000,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `frazil serve`."""
    parser.add_argument(
        "artifact",
        nargs="?",
        help="a directory, a URI in a store, or sha256-<hex> in the store of FRAZIL_STORE_* "
        f"(default: ${contract.ENV_ARTIFACT})",
    )
    parser.add_argument("--name", help="the model's name in URLs (default: default)")
    parser.add_argument("--host", default="0.0.0.0", help="(default: %(default)s)")  # noqa: S104 - a pod's network is the boundary
    for name, port in (("http", contract.HTTP_PORT), ("admin", contract.ADMIN_PORT)):
        parser.add_argument(f"--{name}-port", type=int, default=port, help="(default: %(default)s)")


def _version(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{contract.ENV_VERSION} must be a whole number, not {text!r}")
    return text


def _number(environ: Mapping[str, str], name: str, default: str) -> float:
    text = environ.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{name} must be a number from 0 on, not {text!r}")
    return number


def _default_cache_dir(environ: Mapping[str, str]) -> str:
    caches = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(caches, "frazil")
