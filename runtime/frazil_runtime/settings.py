"""What one `frazil serve` is told, by flags and by its environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from frazil_runtime import contract
from frazil_runtime.contract.accuracy import ENV_FEEDBACK_TOKEN_FILE, ENV_KEYS_DIR

# Nobody measures the accuracy of a server that stands alone: what is deterministic is cached.
ALONE: Final = contract.Policy(output_cache_mode="Always")


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A flag wins over the environment.

    ``models`` maps names to artifacts: directories, URIs, or ``sha256-<hex>`` in the store of
    FRAZIL_STORE_*. ``policy_file`` is None where nobody sends policies: then ``policy`` holds.
    ``revision`` is empty where nobody named one: then it is taken from the artifact's digest.
    ``cpu_request`` is in cores, 0 where there is none. ``keys_dir`` has the key that prediction ids
    are signed with, and ``feedback_token_file`` the secret of who may send labels for them.
    """

    models: Mapping[str, str]
    version: str
    revision: str
    host: str
    http_port: int
    grpc_port: int
    admin_port: int
    cache_dir: Path
    drain_seconds: float
    cpu_request: float
    batching: contract.Batching
    policy: contract.Policy
    policy_file: Path | None
    token_file: Path | None
    keys_dir: Path | None
    feedback_token_file: Path | None
    allow: Mapping[str, Mapping[str, Sequence[str]]]  # by model and input: prefixes of URIs

    @classmethod
    def read(cls, flags: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
        """Merge the flags of ``add_arguments`` with FRAZIL_*; SettingsError says what is wrong."""
        policy_file = _path(flags.policy or environ.get(contract.ENV_POLICY_FILE))
        models = _models(flags, environ)
        return cls(
            models=models,
            version=_version(environ.get(contract.ENV_VERSION, "1")),
            revision=environ.get(contract.ENV_REVISION, ""),
            host=flags.host,
            http_port=flags.http_port,
            grpc_port=flags.grpc_port,
            admin_port=flags.admin_port,
            cache_dir=Path(environ.get(contract.ENV_CACHE_DIR) or _default_cache_dir(environ)),
            drain_seconds=_number(environ, contract.ENV_DRAIN_SECONDS, "5"),
            cpu_request=_number(environ, contract.ENV_CPU_REQUEST, "0") / 1000,
            batching=_batching(environ),
            policy=ALONE if policy_file is None else contract.Policy(),
            policy_file=policy_file,
            token_file=_path(environ.get(contract.ENV_TOKEN_FILE)),
            keys_dir=_path(environ.get(ENV_KEYS_DIR)),
            feedback_token_file=_path(environ.get(ENV_FEEDBACK_TOKEN_FILE)),
            allow=_allowed(flags.allow, models),
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
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=ARTIFACT",
        help="serve this model, too; may be given several times, in place of ARTIFACT",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="[MODEL/]INPUT=PREFIX",
        help="let requests name https:// and s3:// objects below PREFIX for this input; may be "
        "given several times",
    )
    parser.add_argument(
        "--policy", metavar="FILE", help="a policy as JSON, read again when it changes"
    )
    parser.add_argument("--host", default="0.0.0.0", help="(default: %(default)s)")  # noqa: S104 - a pod's network is the boundary
    ports = {
        "http": contract.HTTP_PORT,
        "grpc": contract.GRPC_PORT,
        "admin": contract.ADMIN_PORT,
    }
    for name, port in ports.items():
        parser.add_argument(f"--{name}-port", type=int, default=port, help="(default: %(default)s)")


def _models(flags: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    if flags.model and flags.artifact:
        raise SettingsError("name the artifact, or each model by --model NAME=ARTIFACT: not both")
    models = dict(_model(text) for text in flags.model)
    if len(models) < len(flags.model):
        raise SettingsError("two models have one name")
    if models:
        return models
    artifact = flags.artifact or environ.get(contract.ENV_ARTIFACT, "")
    if not artifact:
        raise SettingsError(
            f"no artifact: name a directory or a URI, or set {contract.ENV_ARTIFACT}"
        )
    return {flags.name or environ.get(contract.ENV_MODEL_NAME, "default"): artifact}


def _model(text: str) -> tuple[str, str]:
    name, _, artifact = text.partition("=")
    if not (name and artifact):
        raise SettingsError(f"--model is NAME=ARTIFACT, not {text!r}")
    return name, artifact


def _allowed(texts: Sequence[str], models: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    allowed: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        where, _, prefix = text.partition("=")
        model, slash, name = where.rpartition("/")
        if not slash:
            model = next(iter(models))
        if not (name and prefix and model in models):
            raise SettingsError(f"--allow is [MODEL/]INPUT=PREFIX, not {text!r}")
        allowed.setdefault(model, {}).setdefault(name, []).append(prefix)
    return allowed


def _batching(environ: Mapping[str, str]) -> contract.Batching:
    text = environ.get(contract.ENV_BATCHING)
    if not text:
        return contract.Batching()
    try:
        batching = contract.Batching.from_json(text)
    except ValueError as error:
        raise SettingsError(f"{contract.ENV_BATCHING}: {error}") from error
    if batching.max_batch_size < 1:
        raise SettingsError(f"{contract.ENV_BATCHING}: max_batch_size must be at least 1")
    return batching


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


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
