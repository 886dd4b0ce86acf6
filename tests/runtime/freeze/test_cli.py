from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.artifact_files import Conversion, Scoring
from fakes.buckets import Bucket

from frazil_runtime import contract
from frazil_runtime.artifacts import open_artifact
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.contract.evaluation import Evaluation
from frazil_runtime.freeze import cli, commands, local, stages
from frazil_runtime.freeze.outcome import UnavailableError, failed
from frazil_runtime.freeze.progress import picture
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.transfer import size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image=x:0", {"image": "x:0"}),
        ("image=x:0,keep=k", {"image": "x:0", "keep": "k"}),
        ("probs", {"probs": "probs"}),
        ("scope/probs:0,aux:1", {"scope/probs": "scope/probs:0", "aux:1": "aux:1"}),
        ("y=probs,logits", {"y": "probs", "logits": "logits"}),
        ("", {}),
    ],
)
def test_aliases(text: str, expected: dict[str, str]) -> None:
    assert cli.aliases(text) == expected


@pytest.mark.parametrize("text", ["=x", "y=", "=", "y=x,=z"])
def test_aliases_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="neither alias=node nor node"):
        cli.aliases(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keep_prob=1.0", ("keep_prob", 1.0)),
        ("is_training=false", ("is_training", False)),
        ("k=3", ("k", 3)),
        ("mode=predict", ("mode", "predict")),
        ('mode="3"', ("mode", "3")),
        ("mode=a=b", ("mode", "a=b")),
        ("mode=", ("mode", "")),
        ("mode=[1]", ("mode", "[1]")),
        ("mode=null", ("mode", "null")),
    ],
)
def test_feeds_are_json_scalars_or_strings(text: str, expected: tuple[str, object]) -> None:
    name, value = cli.feed(text)
    assert (name, value, type(value)) == (*expected, type(expected[1]))


@pytest.mark.parametrize("text", ["keep_prob", "=1"])
def test_feeds_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not name=value"):
        cli.feed(text)


def _parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser.add_subparsers(required=True))
    return parser.parse_args(argv)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param([], FreezeRequest("m"), id="nothing: the request's own defaults"),
        pytest.param(["--tag=a", "--tag=b"], FreezeRequest("m", tags=("a", "b")), id="tags"),
        pytest.param(["--tolerance=0.01"], FreezeRequest("m", tolerance=0.01), id="tolerance"),
        pytest.param(["--no-optimize"], FreezeRequest("m", optimize=False), id="optimize"),
        pytest.param(
            [
                "--inputs=image=x:0",
                "--outputs=y=probs",
                "--feed=keep_prob=1.0",
                "--signature=classify",
                "--format=SavedModel",
                "--samples=s.npz",
            ],
            FreezeRequest(
                "m",
                inputs={"image": "x:0"},
                outputs={"y": "probs"},
                feeds={"keep_prob": 1.0},
                signature="classify",
                format="SavedModel",
                samples="s.npz",
            ),
            id="all the others",
        ),
    ],
)
def test_the_flags_are_the_request(flags: list[str], expected: FreezeRequest) -> None:
    assert commands.requested(_parsed("freeze", "m", "--output=o", *flags)) == expected


def test_a_bar_shows_share_and_sizes() -> None:
    assert picture(0, 10_000_000) == f"[{'.' * 30}] 0.0%  0.0 kB of 10.0 MB"
    assert picture(5_000_000, 10_000_000).startswith(f"[{'#' * 15}{'.' * 15}] 50.0%")
    assert picture(12_300_000, 0) == "12.3 MB"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FreezeError(Exit.TENSOR_NOT_FOUND, "no probs"), Exit.TENSOR_NOT_FOUND, "no probs"),
        (UnavailableError("the store: out of reach"), Exit.RETRY, "the store: out of reach"),
        (MemoryError("too much"), Exit.RETRY, "MemoryError: too much"),
    ],
)
def test_every_end_has_a_code_and_a_message(error: Exception, code: Exit, message: str) -> None:
    assert failed(error) == (code, FreezeResult(reason=code.reason, message=message))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "frozen.pb"
    path.write_bytes(b"graph")
    return path


class TestFreeze:
    """local.freeze: `frazil freeze` without its flags."""

    @pytest.fixture
    def lines(self) -> list[str]:
        return []

    @pytest.mark.parametrize("output", ["output", "deep/er/output"])
    def test_to_a_directory_once(
        self, model: Path, tmp_path: Path, lines: list[str], output: str
    ) -> None:
        conversion, request = Conversion(), FreezeRequest(str(model))
        place = str(tmp_path / output)
        first = local.freeze(request, place, {}, lines.append, conversion)
        second = local.freeze(request, place, {}, lines.append, conversion)
        assert conversion.runs == 1
        assert (first.result.reused, second.result.reused) == (False, True)
        assert first.result.artifact == second.result.artifact
        assert open_artifact(first.place, {}, tmp_path / "cache") == Path(place)

    @pytest.mark.parametrize("store", [False, True])
    def test_evaluated_once_and_frozen_once(
        self, model: Path, tmp_path: Path, lines: list[str], store: bool
    ) -> None:
        rows = tmp_path / "rows"
        rows.write_bytes(b"npz")
        conversion, scoring = Conversion(), Scoring()
        output = tmp_path / "output"
        plain = FreezeRequest(str(model))
        request = replace(plain, evaluation=Evaluation(str(rows)))
        found = [
            local.freeze(
                each,
                output.as_uri() if store else str(output),
                *({}, lines.append, conversion),
                evaluator=scoring,
            )
            for each in (plain, request, request)
        ]
        none, first, second = (frozen.result.evaluation for frozen in found)
        assert none is None
        assert first == second
        assert first
        assert (first.value, first.samples) == (0.5, 3)
        assert (conversion.runs, scoring.runs) == (1, 1)

    def test_another_artifact_in_a_directory_takes_away_what_the_former_was_worth(
        self, model: Path, tmp_path: Path, lines: list[str]
    ) -> None:
        rows, output = tmp_path / "rows", tmp_path / "output"
        rows.write_bytes(b"npz")
        request = FreezeRequest(str(model), evaluation=Evaluation(str(rows)))
        arguments = (str(output), {}, lines.append, Conversion())
        local.freeze(request, *arguments, evaluator=Scoring())
        model.write_bytes(b"another graph")
        local.freeze(replace(request, evaluation=None), *arguments)
        assert list((output / "evaluations").iterdir()) == []

    def test_a_damaged_directory_is_frozen_anew(
        self, model: Path, tmp_path: Path, lines: list[str]
    ) -> None:
        conversion, request = Conversion(), FreezeRequest(str(model))
        place = tmp_path / "output"
        local.freeze(request, str(place), {}, lines.append, conversion)
        (place / contract.GRAPH).write_bytes(b"damaged")
        local.freeze(request, str(place), {}, lines.append, conversion)
        assert conversion.runs == 2
        open_artifact(str(place), {}, tmp_path / "cache")

    def test_a_directory_of_something_else_is_refused_before_the_work(
        self, model: Path, lines: list[str]
    ) -> None:
        with pytest.raises(FreezeError, match="is no artifact"):
            local.freeze(FreezeRequest(str(model)), str(model.parent), {}, lines.append)
        assert lines == []

    def test_to_a_folder_of_artifacts_that_is_not_there_yet(
        self, model: Path, tmp_path: Path, lines: list[str]
    ) -> None:
        url = (tmp_path / "new/store").as_uri()
        request = FreezeRequest(str(model))
        frozen = local.freeze(request, url, {}, lines.append, Conversion())
        assert open_artifact(frozen.place, {}, tmp_path / "cache").name == frozen.result.artifact

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            pytest.param("foo://x", "foo:// is none of s3://", id="another scheme"),
            pytest.param("https://host/x", "https:// is none of s3://", id="the web"),
            pytest.param("az://container/x", "Account must be specified", id="no account"),
            pytest.param("file:///dev/null/x", "Not a directory", id="below a file"),
        ],
    )
    def test_an_output_that_makes_no_sense_is_refused_before_the_work(
        self, model: Path, lines: list[str], url: str, says: str
    ) -> None:
        with pytest.raises(FreezeError, match=f"--output {url}.*{says}") as caught:
            local.freeze(FreezeRequest(str(model)), url, {}, lines.append)
        assert caught.value.exit is Exit.INVALID_REQUEST
        assert lines == []

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            pytest.param("forged", "access denied", id="credentials"),
            pytest.param("elsewhere", "out of reach", id="server"),
        ],
    )
    def test_a_store_of_the_users_own_is_not_called_frazils(
        self, model: Path, any_bucket: Bucket, lines: list[str], wrong: str, says: str
    ) -> None:
        request = FreezeRequest(str(model))
        environ = any_bucket.environ | getattr(any_bucket, wrong)
        with pytest.raises((FreezeError, UnavailableError), match=f"--output .*{says}") as caught:
            local.freeze(request, any_bucket.url, environ, lines.append, Conversion())
        assert isinstance(caught.value, FreezeError) == (says == "access denied")

    @pytest.mark.integration
    def test_to_a_store_once(
        self, model: Path, tmp_path: Path, any_bucket: Bucket, lines: list[str]
    ) -> None:
        conversion, request = Conversion(), FreezeRequest(str(model))
        url, environ = f"{any_bucket.url}/store", any_bucket.environ
        first = local.freeze(request, url, environ, lines.append, conversion)
        second = local.freeze(request, url, environ, lines.append, conversion)
        assert conversion.runs == 1
        assert second.result.reused
        assert first.place == second.place == f"{url}/artifacts/{first.result.artifact}"
        opened = open_artifact(first.place, environ, tmp_path / "cache")
        assert opened.name == first.result.artifact


class TestCommands:
    """The subcommands, from their arguments to their exit code."""

    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv(contract.ENV_TERMINATION_LOG, str(tmp_path / "termination-log"))
        monkeypatch.setenv(contract.ENV_WORK_DIR, str(tmp_path / "work"))
        monkeypatch.setenv(contract.ENV_STORE_URL, (tmp_path / "store").as_uri())
        return tmp_path / "termination-log"

    def _run(self, *argv: str) -> int:
        arguments = _parsed(*argv)
        code = arguments.run(arguments)
        assert isinstance(code, int)
        return code

    def test_what_was_made_is_told_on_stdout(
        self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = str(tmp_path / "output")
        made = local.freeze(FreezeRequest(str(model)), output, {}, lambda _: None, Conversion())
        assert self._run("freeze", str(model), "--output", output) == 0
        told = capsys.readouterr()
        assert told.out.splitlines() == [
            f"{made.result.artifact} (frozen before, nothing was converted)",
            f"{size(made.result.artifact_bytes)} in {output}",
            "signature serving_default (default)",
            "  in  x: float32 [-1, 4]",
            "  out y: float32 of any shape",
        ]
        assert told.err.splitlines()[0].startswith("fetching ")

    def test_what_it_is_worth_is_told_on_stdout(
        self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "rows").write_bytes(b"npz")
        rows, output = str(tmp_path / "rows"), str(tmp_path / "output")
        wanted = Evaluation(rows, "TopK", "y", k=3)
        request = FreezeRequest(str(model), evaluation=wanted)
        local.freeze(request, output, {}, lambda _: None, Conversion(), evaluator=Scoring())
        flags = ["--evaluate", rows, "--metric=TopK", "--k=3", "--scored-output=y"]
        assert self._run("freeze", str(model), "--output", output, *flags) == 0
        assert capsys.readouterr().out.endswith(f"\nTopK 0.5 on 3 samples of {rows}\n")

    def test_a_users_error_is_told_on_stderr_with_its_code(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = self._run("freeze", str(tmp_path / "no.pb"), "--output", str(tmp_path / "output"))
        assert code == Exit.SOURCE_NOT_FOUND
        assert capsys.readouterr().err.startswith("SourceNotFound: ")

    def test_a_stage_that_fails_says_so_in_the_termination_log(
        self, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = FreezeRequest(str(tmp_path / "no.pb"))
        monkeypatch.setenv(contract.ENV_FREEZE_REQUEST, request.to_json())
        assert self._run("freeze-stage", "fetch") == Exit.SOURCE_NOT_FOUND
        result = FreezeResult.from_json(log.read_text())
        assert result is not None
        assert result.reason == "SourceNotFound"

    def test_the_last_stage_puts_the_result_there(
        self, log: Path, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = FreezeRequest(str(model)).to_json()
        monkeypatch.setenv(contract.ENV_FREEZE_REQUEST, request)
        assert self._run("freeze-stage", "fetch") == 0
        stages.run("convert", dict(os.environ), lambda _: None, Conversion())
        assert self._run("freeze-stage", "publish") == 0
        text = log.read_text()
        assert len(text.encode()) < contract.TERMINATION_LIMIT
        assert json.loads(text)["artifact"].startswith("sha256-")

    def test_what_nobody_foresaw_is_another_try_with_a_message(
        self, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv(contract.ENV_WORK_DIR)
        assert self._run("freeze-stage", "publish") == Exit.RETRY
        result = FreezeResult.from_json(log.read_text())
        assert result is not None
        assert (result.reason, result.message) == ("Retry", "KeyError: 'FRAZIL_WORK_DIR'")
        assert "Traceback" in capsys.readouterr().err
