"""What a person does with a model on one machine, as processes."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from fakes.serving import Serving, frazil

from frazil_runtime.contract import Exit

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]


def _printed(process: subprocess.Popen[str], last: str) -> list[str]:
    """What is on stdout up to the line that is ``last``."""
    assert process.stdout is not None
    return [line.rstrip("\n") for line in iter(process.stdout.readline, f"{last}\n")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fakes import published

    return published.checkpoint(tmp_path_factory.mktemp("checkpoint"))


class TestRun:
    """`frazil run`."""

    def _ask(self, server: Serving) -> list[float]:
        """Paste the request that was offered."""
        lines = _printed(server.process, "Ctrl-C ends it.")
        assert lines[3:5] == ["  input   x     float32  [?, 8]", "  output  prob  float32  [?, 3]"]
        curl = next(line for line in lines if line.startswith("  curl "))
        answer = subprocess.check_output([*shlex.split(curl), "--silent"])
        (row,) = json.loads(answer)["outputs"]
        assert isinstance(row, list)
        return row

    def test_a_checkpoint_is_frozen_once_and_served_without_tensorflow(
        self, checkpoint: Path, tmp_path: Path
    ) -> None:
        run = (
            *("run", str(checkpoint), "--outputs=prob", "--feed=keep_prob=1.0", "--name=toy"),
            *("--http-port=0", "--admin-port=0"),
        )
        answers, proofs = [], []
        for _ in range(2):
            with frazil(*run, stdout=subprocess.PIPE, FRAZIL_CACHE_DIR=str(tmp_path)) as server:
                answers.append(self._ask(server))
                maps = Path(f"/proc/{server.process.pid}/maps").read_text()
                assert "pywrap_tensorflow" not in maps
                server.process.send_signal(signal.SIGINT)
                assert server.end() == 0
                proofs += [line for line in server.lines if line.startswith("proving ")]
        assert answers[0] == answers[1]
        assert sum(answers[0]) == pytest.approx(1)
        assert len(proofs) == 1

    def test_a_checkpoint_that_is_none_ends_it_in_the_freezers_words(self, tmp_path: Path) -> None:
        with frazil("run", str(tmp_path / "none"), FRAZIL_CACHE_DIR=str(tmp_path)) as server:
            assert server.end() == Exit.SOURCE_NOT_FOUND
            assert server.lines[-1].startswith("SourceNotFound: ")
