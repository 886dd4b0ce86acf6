"""Flags and environment of `frazil serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from frazil_runtime import contract
from frazil_runtime.settings import Settings, SettingsError, add_arguments


def read(*flags: str, **environ: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return Settings.read(parser.parse_args(flags), environ)


def test_a_directory_alone_is_enough() -> None:
    assert read("artifact", XDG_CACHE_HOME="/caches") == Settings(
        artifact="artifact",
        name="default",
        version="1",
        revision="",
        host="0.0.0.0",
        http_port=8080,
        admin_port=8081,
        cache_dir=Path("/caches/frazil"),
        drain_seconds=5,
        cpu_request=0,
    )


def test_in_a_pod_the_environment_says_all() -> None:
    environ = {
        contract.ENV_ARTIFACT: "sha256-00",
        contract.ENV_MODEL_NAME: "digits",
        contract.ENV_VERSION: "7",
        contract.ENV_REVISION: "3f9a",
        contract.ENV_CACHE_DIR: "/cache",
        contract.ENV_DRAIN_SECONDS: "0.5",
        contract.ENV_CPU_REQUEST: "1500",
    }
    settings = read(**environ)
    assert (settings.artifact, settings.name) == ("sha256-00", "digits")
    assert (settings.version, settings.revision) == ("7", "3f9a")
    assert (settings.cache_dir, settings.drain_seconds) == (Path("/cache"), 0.5)
    assert settings.cpu_request == 1.5


def test_a_flag_wins_over_the_environment() -> None:
    environ = {contract.ENV_ARTIFACT: "sha256-00", contract.ENV_MODEL_NAME: "digits"}
    settings = read("here", "--name", "mine", "--http-port", "1", **environ)
    assert (settings.artifact, settings.name, settings.http_port) == ("here", "mine", 1)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({}, "no artifact: name a directory or a URI", id="nothing to serve"),
        pytest.param(
            {contract.ENV_ARTIFACT: "a", contract.ENV_DRAIN_SECONDS: "soon"},
            "FRAZIL_DRAIN_SECONDS must be a number from 0 on, not 'soon'",
            id="a wait that is no number",
        ),
        pytest.param(
            {contract.ENV_ARTIFACT: "a", contract.ENV_DRAIN_SECONDS: "nan"},
            "FRAZIL_DRAIN_SECONDS must be",
            id="a wait that is not a number",
        ),
        pytest.param(
            {contract.ENV_ARTIFACT: "a", contract.ENV_VERSION: "v2"},
            "FRAZIL_VERSION must be a whole number, not 'v2'",
            id="a version that TensorFlow Serving's clients cannot read",
        ),
    ],
)
def test_what_makes_no_sense_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(**environ)
