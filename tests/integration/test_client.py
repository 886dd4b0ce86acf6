"""What a person does with a model on one machine, as processes."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes.serving import Serving, frazil, serving

from frazil_runtime.__main__ import main
from frazil_runtime.contract import Exit

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]


def _printed(process: subprocess.Popen[str], last: str) -> list[str]:
    """What is on stdout up to the line that is ``last``."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line == f"{last}\n":
            return lines
        lines.append(line.rstrip("\n"))
    raise AssertionError(f"ended without {last!r}: {lines}")


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


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served model with two signatures: digits, and one that doubles whole numbers."""
    import tensorflow as tf
    from fakes import artifacts

    def build() -> None:
        artifacts.digits()
        tf.multiply(tf.compat.v1.placeholder(tf.int32, [None], "n"), 2, "twice")

    directory = tmp_path_factory.mktemp("artifact")
    samples = {
        "serving_default": {"x": np.zeros((1, 784), np.float32)},
        "double": {"n": np.zeros(1, np.int32)},
    }
    double = artifacts.one_to_one("n", "twice", "int32", (-1,))
    signatures = artifacts.DIGITS | {"double": double}
    artifacts.write_artifact(directory, build, signatures, samples=samples)
    with serving(directory, "--name=digits") as server:
        yield server.address("listening")


class TestPredict:
    """`frazil predict`."""

    def test_outputs_are_printed(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["predict", url, "--signature=double", "--input=n=[1, 2]"]) == 0
        assert capsys.readouterr().out == "twice  int32 [2]\n  [2 4]\n"

    def test_outputs_are_json(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["predict", url, "--signature=double", "--json", '--input={"n": [3]}']
        assert main([*command, "--model=digits"]) == 0
        assert json.loads(capsys.readouterr().out) == {"twice": [6]}

    def test_outputs_are_written(self, url: str, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.zeros((3, 784)))
        files = [f"--input=x={tmp_path}/x.npy", f"--output={tmp_path}/y.npz"]
        assert main(["predict", url, *files]) == 0
        with np.load(tmp_path / "y.npz") as written:
            assert written["scores"].shape == (3, 10)
            assert written["scores"].dtype == np.float32

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            pytest.param(["--input=x=[[1]]"], ': 400: input "x" must have shape', id="a shape"),
            pytest.param(["--input=y=[1]"], "no input is called y", id="a name"),
            pytest.param(["--model=other", "--input=x=[1]"], ": 404: ", id="a model"),
            pytest.param(["--signature=s"], "digits has no signature s; it has", id="a signature"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, url: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", url, *arguments]) == 1
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("nowhere", ["127.0.0.1:1", "ftp://host", "http://host:port"])
    def test_where_there_is_no_server(
        self, nowhere: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", nowhere, "--input=x=[1]"]) == 1
        assert "cannot be asked" in (said := capsys.readouterr().err) or "host" in said


class TestBench:
    """`frazil bench`, on a short load."""

    @pytest.mark.parametrize("loop", [(), ("--rate=50",)], ids=["closed", "open"])
    def test_a_load_is_measured_and_drawn(
        self, url: str, loop: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        picture = tmp_path / "latency.png"
        command = ["bench", url, "--seconds=0.5", "--connections=2", f"--output={picture}", *loop]
        assert main(command) == 0
        table = capsys.readouterr().out
        row = next(line for line in table.splitlines() if "0.5 s" in line)
        errors, refused = row.strip("│").split("│")[-2:]
        assert (errors.strip(), refused.strip()) == ("0", "0")
        assert picture.read_bytes().startswith(b"\x89PNG")

    def test_what_the_server_says_no_to_is_said_before_any_load(
        self, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["bench", url, "--input=x=[[1]]"]) == 1
        assert 'input "x" must have shape' in capsys.readouterr().err

    def test_interrupted_it_shows_what_it_has(self, url: str, tmp_path: Path) -> None:
        picture = tmp_path / "latency.png"
        command = ("bench", url, "--seconds=100", f"--output={picture}")
        with frazil(*command, stdout=subprocess.PIPE, FORCE_COLOR="1", TERM="xterm") as bench:
            assert bench.process.stdout is not None
            while "in all" not in (line := bench.process.stdout.readline()):
                assert line, "it ended before it showed anything"
            bench.process.send_signal(signal.SIGINT)
            assert "Interrupted" in bench.process.stdout.read()
            assert bench.end() == 0
        assert picture.exists()
