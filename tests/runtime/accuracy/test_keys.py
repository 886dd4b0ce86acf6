"""The file with the secret that ids are signed with."""

from __future__ import annotations

import base64
import logging
import re
from pathlib import Path

import pytest

from frazil_runtime.accuracy import keys

KEY = bytes(range(223, 255))
TEXT = base64.urlsafe_b64encode(KEY)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="as it is"),
        pytest.param(TEXT.rstrip(b"="), id="without padding"),
        pytest.param(TEXT + b"\n", id="as a line"),
    ],
)
def test_a_key_is_read(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "prediction-key").write_bytes(text)
    assert keys.read(tmp_path) == KEY


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param(b"", "has not 32 bytes", id="an empty one"),
        pytest.param(TEXT[:20], "has not 32 bytes", id="half a key"),
        pytest.param(b"c2VjcmV0*" * 5, "has not 32 bytes|cannot be read", id="no base64"),
    ],
)
def test_what_is_no_key_is_said_to_be_none_and_not_repeated(
    text: bytes | None, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if text is not None:
        (tmp_path / "prediction-key").write_bytes(text)
    with caplog.at_level(logging.WARNING, logger="frazil"):
        assert keys.read(tmp_path) is None
    (line,) = caplog.messages
    assert line.startswith("no prediction ids: ")
    assert re.search(why, line)
    assert not text or text.decode() not in line


def test_where_no_folder_is_named_there_is_no_key_and_nothing_to_say(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert keys.read(None) is None
    assert not caplog.messages
