"""The operator's own configuration."""

from __future__ import annotations

import socket

import pytest

from frazil_operator.settings import Settings

REQUIRED = {
    "FRAZIL_OPERATOR_NAMESPACE": "frazil-system",
    "FRAZIL_OPERATOR_RUNTIME_IMAGE": "runtime:1",
    "FRAZIL_OPERATOR_FREEZER_IMAGE": "freezer:1",
}


def test_three_variables_are_enough() -> None:
    settings = Settings.from_environ(REQUIRED)
    assert settings == Settings(
        "frazil-system", "runtime:1", "freezer:1", identity=socket.gethostname()
    )


def test_what_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="FRAZIL_OPERATOR_RUNTIME_IMAGE"):
        Settings.from_environ({"FRAZIL_OPERATOR_NAMESPACE": "frazil-system"})


def test_numbers_and_switches_are_read() -> None:
    more = {
        "FRAZIL_OPERATOR_MAX_CONCURRENT_FREEZES": "5",
        "FRAZIL_OPERATOR_EMBEDDED_STORE": "true",
        "FRAZIL_OPERATOR_RELIST_SECONDS": "1.5",
        "FRAZIL_OPERATOR_FAULT_AFTER_WRITES": "3",
        "FRAZIL_OPERATOR_IDENTITY": "me",
    }
    settings = Settings.from_environ(REQUIRED | more)
    assert settings.max_concurrent_freezes == 5
    assert settings.embedded_store
    assert settings.relist_seconds == 1.5
    assert settings.fault_after_writes == 3
    assert settings.identity == "me"
