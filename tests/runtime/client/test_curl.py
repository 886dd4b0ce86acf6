"""The request that `frazil run` offers to paste."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from fakes import artifact_files

from frazil_runtime import contract, warmup
from frazil_runtime.client import curl
from frazil_runtime.client.welcome import welcome
from frazil_runtime.errors import InferenceError
from frazil_runtime.manifest import Signature

ROWS = Signature((), (), batchable=True)
WHOLE = Signature((), (), batchable=False)


@pytest.mark.parametrize(
    ("signature", "array", "expected"),
    [
        pytest.param(ROWS, np.ones((3, 2), np.int32), [[1, 1]], id="the first row alone"),
        pytest.param(WHOLE, np.ones((2, 1), np.int32), [[1], [1]], id="all, where rows belong"),
        pytest.param(ROWS, np.int64(7), 7, id="a scalar as it is"),
        pytest.param(
            ROWS, np.float32([[1 / 3, 2e-9, 12345.678]]), [[0.3333, 2e-9, 12350]], id="four digits"
        ),
        pytest.param(ROWS, np.array([1.5], ml_dtypes.bfloat16), [1.5], id="a bfloat16"),
        pytest.param(ROWS, np.array([b"a'b"], object), ["a'b"], id="text"),
        pytest.param(ROWS, np.array([b"\xff"], object), [{"b64": "/w=="}], id="bytes"),
        pytest.param(ROWS, np.zeros((1, 0), np.float32), [[]], id="nothing"),
    ],
)
def test_a_body_has(signature: Signature, array: Any, expected: object) -> None:
    body = curl.body(signature, {"x": np.asarray(array)})
    assert json.loads(body) == {"inputs": {"x": expected}}


def test_a_body_of_what_json_has_no_number_for() -> None:
    with pytest.raises(InferenceError, match="JSON has no such number"):
        curl.body(ROWS, {"x": np.zeros(1, np.complex64)})


def test_a_command_reaches_the_shell_as_it_is() -> None:
    data = """{"inputs":{"x":["it's $HOME"]}}"""
    command = curl.command("http://127.0.0.1:1", "digits", data)
    url = "http://127.0.0.1:1/v1/models/digits:predict"
    assert shlex.split(command) == ["curl", url, "-d", data]


class TestWelcome:
    """What is printed once the model is served."""

    def _text(self, folder: Path, x: np.ndarray) -> str:
        samples = {"serving_default": {"x": x}}
        files = artifact_files.FILES | {contract.WARMUP: warmup.dump(samples)}
        artifact_files.write(folder / "artifact", files)
        url = "http://127.0.0.1:1"
        return welcome(folder / "artifact", "toy", url, folder / "requests")

    def test_a_short_request_is_on_the_command_line(self, tmp_path: Path) -> None:
        assert self._text(tmp_path, np.ones((1, 4), np.float32)).splitlines() == [
            "",
            "toy is served at http://127.0.0.1:1",
            "",
            "  input   x  float32  [?, 4]",
            "  output  y  float32  any shape",
            "",
            "Ask it:",
            "  curl http://127.0.0.1:1/v1/models/toy:predict"
            """ -d '{"inputs":{"x":[[1.0,1.0,1.0,1.0]]}}'""",
            "",
            "Ctrl-C ends it.",
            "",
        ]

    def test_a_long_request_is_in_a_file(self, tmp_path: Path) -> None:
        text = self._text(tmp_path, np.ones((1, 400), np.float32))
        data = next(w for w in shlex.split(text) if w.startswith("@"))
        (file,) = (tmp_path / "requests").iterdir()
        assert data == f"@{file}"
        assert json.loads(file.read_bytes()) == {"inputs": {"x": [[1.0] * 400]}}

    def test_what_json_cannot_hold_is_said(self, tmp_path: Path) -> None:
        text = self._text(tmp_path, np.ones(1, np.complex64))
        assert "It cannot be asked in JSON" in text
