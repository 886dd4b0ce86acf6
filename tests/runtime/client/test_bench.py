"""The pure parts of `frazil bench`: when requests are due, what answers come to, what is said."""

from __future__ import annotations

import argparse
import io
from itertools import pairwise, repeat
from pathlib import Path

import numpy as np
import pytest
from fakes.crash import run_python
from rich.console import Console

from frazil_runtime.client import cli
from frazil_runtime.client.arrivals import at_once, count_until, poisson
from frazil_runtime.client.connection import post
from frazil_runtime.client.live import remarks, table
from frazil_runtime.client.load import Load, Plan
from frazil_runtime.client.plot import draw
from frazil_runtime.client.remote import Server, ServerError
from frazil_runtime.client.samples import Samples, Summary, duration, percentiles, summarise

SERVER = Server("127.0.0.1:8080")
PLAN = Plan(SERVER, repeat(b""), connections=1, seconds=10.0, rate=100.0)


class TestArrivals:
    """When requests are due."""

    def test_an_open_loop_keeps_its_rate_at_random(self) -> None:
        due = list(poisson(100.0, 100.0, seed=1))
        assert due == list(poisson(100.0, 100.0, seed=1))
        assert len(due) == pytest.approx(10_000, abs=400)  # four standard deviations
        gaps = np.array([later - earlier for earlier, later in pairwise(due)])
        assert gaps.min() > 0
        assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)  # as of an exponential
        assert due[-1] < 100.0

    def test_a_closed_loop_is_due_whenever_it_is_asked_until_the_end(self) -> None:
        clock = iter([0.0, 0.5, 0.5, 0.99, 1.0])
        assert list(at_once(lambda: next(clock), 1.0)) == [0.0, 0.5, 0.5, 0.99]

    def test_what_is_left_is_counted_up_to_now(self) -> None:
        assert count_until(iter([1.0, 2.0, 3.0]), 2.0) == 2
        assert count_until(iter([]), 2.0) == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(range(1, 101), (50.0, 90.0, 99.0), id="a hundred"),
        pytest.param([5.0], (5.0, 5.0, 5.0), id="one"),
        pytest.param([1.0, 9.0], (1.0, 9.0, 9.0), id="two: each is one that was measured"),
    ],
)
def test_percentiles(values: list[float], expected: tuple[float, ...]) -> None:
    assert percentiles(np.array(values, np.float64), (50, 90, 99)) == expected


def test_a_summary_counts_the_good_the_refused_and_the_errors() -> None:
    samples = Samples()
    for status in (200, 200, 429, 503, 400, 400, 0):
        samples.add(done=1.0, latency=0.5 if status == 200 else 9.0, status=status)
    _, latency, status = samples.since(0)
    assert summarise(latency, status, 4.0) == Summary(
        seconds=4.0,
        good=2,
        refused=2,
        errors=3,
        quantiles=(0.5, 0.5, 0.5),
        reasons=((0, 1), (400, 2)),
    )
    assert summarise(latency, status, 4.0).rate == 0.5
    assert len(samples.since(5)[0]) == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (float("nan"), "–"),
        (0.00042, "0.42 ms"),
        (0.0042, "4.2 ms"),
        (0.042, "42 ms"),
        (0.42, "420 ms"),
        (4.2, "4.20 s"),
    ],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_table_has_a_row_for_each_summary() -> None:
    text = io.StringIO()
    summary = Summary(2.0, good=3000, refused=7, errors=5, quantiles=(0.001, 0.002, 0.003))
    Console(file=text, width=100).print(table([("2.0 s", summary)]))
    row = [cell.strip() for cell in text.getvalue().splitlines()[3].strip("│").split("│")]
    assert row == ["2.0 s", "1,500", "1.0 ms", "2.0 ms", "3.0 ms", "5", "7"]


@pytest.mark.parametrize(
    ("load", "busy", "said"),
    [
        pytest.param(Load(PLAN), 0.5, [], id="all is well"),
        pytest.param(Load(PLAN), 0.95, ["This program used 95% of a core"], id="it is too busy"),
        pytest.param(Load(PLAN, unsent=3), 0.1, ["3 requests were due and not sent"], id="behind"),
        pytest.param(Load(PLAN, unanswered=2), 0.1, ["2 requests had no answer"], id="no answer"),
    ],
)
def test_a_reader_is_told(load: Load, busy: float, said: list[str]) -> None:
    summary = summarise(np.empty(0), np.empty(0), 1.0)
    lines = remarks(load, summary, busy)
    assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said


def test_errors_are_told_by_their_status() -> None:
    status = np.array([400, 400, 0])
    lines = remarks(Load(PLAN), summarise(np.zeros(3), status, 1.0), 0.0)
    broken = "1 × no answer: the connection could not be made, or broke"
    assert lines == [broken, "2 × 400 Bad Request"]


def test_a_request_asks_for_the_model_itself_unless_told_otherwise() -> None:
    head, _, body = post(SERVER, "/v2/models/m/infer", b"{}", cached=False).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v2/models/m/infer HTTP/1.1"
    assert {b"Host: 127.0.0.1:8080", b"Content-Length: 2"} < set(lines)
    assert lines[-1] == b"Cache-Control: no-store"
    assert body == b"{}"
    assert b"no-store" not in post(SERVER, "/", b"", cached=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/v2/models/m", "http://127.0.0.1:8080"),
        ("host", "http://host:80"),
        ("https://host", "https://host:443"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_url_is_that_of_the_server(url: str, expected: str) -> None:
    assert Server(url).url == expected


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ServerError):
        Server(url)


@pytest.mark.parametrize(
    "flag", ["--seconds=601", "--seconds=nan", "--connections=0", "--rate=-1", "--rows=x"]
)
def test_a_load_is_bounded(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser.add_subparsers(), lambda *_: 0)
    with pytest.raises(SystemExit):
        parser.parse_args(["bench", "http://host", flag])
    assert flag.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "status",
    [
        pytest.param([200] * 500, id="good answers"),
        pytest.param([200, 429, 0] * 100, id="good ones, refusals and errors"),
        pytest.param([200], id="a single answer"),
    ],
)
def test_a_picture_is_drawn_of(status: list[int], tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    done = np.sort(draws.random(len(status)) * 10)
    draw(
        tmp_path / "latency.png",
        "a title",
        done,
        draws.exponential(0.01, len(status)),
        np.array(status),
    )
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("missing", ["rich", "matplotlib"])
def test_without_its_packages_it_says_what_to_install(missing: str) -> None:
    hidden = (
        f"import sys; sys.modules[{missing!r}] = None; from frazil_runtime.__main__ import main"
    )
    result = run_python(f"{hidden}; sys.exit(main(['bench', 'http://host']))")
    assert result.returncode == 1
    assert result.stderr == f"bench needs {missing}: pip install frazil[client]\n"
