"""Flags and environment of `frazil serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from frazil_runtime import contract
from frazil_runtime.contract import Batching, Policy
from frazil_runtime.contract.accuracy import ENV_FEEDBACK_TOKEN_FILE, ENV_KEYS_DIR
from frazil_runtime.settings import Settings, SettingsError, add_arguments


def read(*flags: str, **environ: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return Settings.read(parser.parse_args(flags), environ)


def test_a_directory_alone_is_enough() -> None:
    assert read("artifact", XDG_CACHE_HOME="/caches") == Settings(
        models={"default": "artifact"},
        version="1",
        revision="",
        host="0.0.0.0",
        http_port=8080,
        grpc_port=9000,
        admin_port=8081,
        cache_dir=Path("/caches/frazil"),
        drain_seconds=5,
        cpu_request=0,
        batching=Batching(),
        policy=Policy(output_cache_mode="Always"),
        policy_file=None,
        token_file=None,
        keys_dir=None,
        feedback_token_file=None,
        allow={},
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
        contract.ENV_BATCHING: Batching(max_batch_size=4).to_json(),
        contract.ENV_POLICY_FILE: "/policy/policy.json",
        contract.ENV_TOKEN_FILE: "/token/token",
        ENV_KEYS_DIR: "/keys",
        ENV_FEEDBACK_TOKEN_FILE: "/feedback/token",
    }
    settings = read(**environ)
    assert settings.models == {"digits": "sha256-00"}
    assert (settings.version, settings.revision) == ("7", "3f9a")
    assert (settings.cache_dir, settings.drain_seconds) == (Path("/cache"), 0.5)
    assert settings.cpu_request == 1.5
    assert settings.batching == Batching(max_batch_size=4)
    # What the operator has not said yet holds until the file is read: nothing is cached.
    assert (settings.policy, settings.policy_file) == (Policy(), Path("/policy/policy.json"))
    assert settings.token_file == Path("/token/token")
    assert settings.keys_dir == Path("/keys")
    assert settings.feedback_token_file == Path("/feedback/token")


def test_several_models_have_a_name_each() -> None:
    settings = read("--model", "a=here", "--model", "b=s3://there/x=y")
    assert settings.models == {"a": "here", "b": "s3://there/x=y"}


def test_a_flag_wins_over_the_environment() -> None:
    environ = {contract.ENV_ARTIFACT: "sha256-00", contract.ENV_MODEL_NAME: "digits"}
    settings = read("here", "--name", "mine", "--http-port", "1", **environ)
    assert (settings.models, settings.http_port) == ({"mine": "here"}, 1)


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
        pytest.param(
            {contract.ENV_ARTIFACT: "a", contract.ENV_BATCHING: '{"max_batch_size": 0}'},
            "FRAZIL_BATCHING: max_batch_size must be at least 1",
            id="batches of nothing",
        ),
        pytest.param(
            {contract.ENV_ARTIFACT: "a", contract.ENV_BATCHING: "32"},
            "FRAZIL_BATCHING: not an object",
            id="batching that is a number",
        ),
    ],
)
def test_what_makes_no_sense_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(**environ)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(("a", "--model", "b=c"), "not both", id="an artifact beside models"),
        pytest.param(("--model", "b"), "NAME=ARTIFACT, not 'b'", id="a model without an artifact"),
        pytest.param(("--model", "b=1", "--model", "b=2"), "one name", id="one name twice"),
    ],
)
def test_models_that_cannot_be_told_apart_are_refused(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(*flags)


def test_prefixes_of_uris_are_allowed_by_input() -> None:
    flags = (
        "--model",
        "a=1",
        "--model",
        "b=2",
        "--allow",
        "x=s3://p/q",
        "--allow",
        "b/y=https://h/",
    )
    assert read(*flags).allow == {"a": {"x": ["s3://p/q"]}, "b": {"y": ["https://h/"]}}


@pytest.mark.parametrize("allow", ["x", "x=", "c/x=s3://p", "=s3://p"])
def test_a_prefix_for_no_input_is_refused(allow: str) -> None:
    with pytest.raises(SettingsError, match=r"--allow is \[MODEL/\]INPUT=PREFIX"):
        read("artifact", "--allow", allow)
