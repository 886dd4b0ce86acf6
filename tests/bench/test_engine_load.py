"""What the engine's benchmark sends: distinct where it says so, and what the server understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
import orjson
import pytest

from bench.engine import leak
from bench.engine.requests import IMAGES, KINDS, LARGE, SHARE_OF_LARGE, post
from bench.engine.scenarios import BARS, SCENARIOS, SERVERS, chosen


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, body


def first(kind: str, count: int, seed: int = 5) -> Iterator[bytes]:
    return islice(KINDS[kind](seed), count)


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_is_what_the_head_says(kind: str) -> None:
    headers, body = parts(next(first(kind, 1)))
    assert int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("kind", ["1 row", "32 rows", "1 image", "32 images", "mix"])
def test_no_two_are_alike(kind: str) -> None:
    assert len(set(first(kind, 8))) == 8


@pytest.mark.parametrize(("kind", "rows"), [("1 row", 1), ("32 rows", 32)])
def test_rows_are_json(kind: str, rows: int) -> None:
    values = np.array(orjson.loads(parts(next(first(kind, 1)))[1])["instances"])
    assert values.shape == (rows, 784)


@pytest.mark.parametrize(("kind", "rows"), [("1 image", 1), ("32 images", LARGE)])
def test_images_are_binary_and_differ_in_one_number(kind: str, rows: int) -> None:
    one, two = (image(request, rows) for request in first(kind, 2))
    assert np.isfinite(one).all()
    assert np.flatnonzero(one != two).tolist() == [0]


def image(request: bytes, rows: int) -> np.ndarray:
    headers, body = parts(request)
    length = int(headers["inference-header-content-length"])
    (sent,) = orjson.loads(body[:length])["inputs"]
    assert sent["shape"] == [rows, 96, 96, 3]
    return np.frombuffer(body, np.float32, offset=length)


def test_a_mix_has_its_share_of_large_ones() -> None:
    sizes = Counter(len(request) for request in first("mix", 300))
    _, large = sorted(sizes)
    assert sizes[large] / 300 == pytest.approx(SHARE_OF_LARGE, abs=0.06)


def test_zipf_repeats_the_first_ones_most() -> None:
    counts = Counter(image(request, 1)[0] for request in first("zipf", 2000))
    assert len(counts) < IMAGES
    (_, most), *_ = counts.most_common(1)
    # Of 1000 to the power of -1.1, the first one has a share of 1/5.57.
    assert most / 2000 == pytest.approx(0.18, abs=0.04)


def test_again_is_always_the_same() -> None:
    assert len(set(first("again", 5))) == 1


def test_headers_are_sent() -> None:
    assert parts(post("/p", b"{}", "A: b"))[0]["a"] == "b"


def test_each_scenario_can_run() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    assert len(names) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert set(scenario.servers) <= set(SERVERS)
        assert set(scenario.kinds) <= KINDS.keys()
        assert len(scenario.kinds) == len(scenario.shares)
        assert sum(scenario.shares) == pytest.approx(1)
        assert scenario.of in {"", *names}
    assert len({bar.what for bar in BARS}) == len(BARS)


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("32 rows", ["32 rows, 16 connections"]),
        ("overload", ["1 image, 32 connections", "overload, 3 times"]),
        ("nothing", []),
    ],
)
def test_a_word_chooses_scenarios_and_what_they_need(word: str, names: list[str]) -> None:
    assert [scenario.name for scenario in chosen(word)] == names


class TestLeak:
    """What a server is asked that may leak."""

    def test_policies_get_larger_numbers_and_change_something(self) -> None:
        policies = [leak.policy(number) for number in range(1, 51)]
        assert [policy.number for policy in policies] == list(range(1, 51))
        assert {policy.order for policy in policies} == {"Fifo", "SmallestFirst"}
        assert {policy.output_cache_mode for policy in policies} == {"Always", "Off"}
        assert len({policy.epoch for policy in policies}) > 10

    def test_choices_of_outputs_are_many(self) -> None:
        bodies = [orjson.loads(parts(one)[1]) for one in islice(leak.choices(seed=0), 100)]
        chosen_outputs = {tuple(output["name"] for output in body["outputs"]) for body in bodies}
        assert len(chosen_outputs) > 80
        assert {len(outputs) for outputs in chosen_outputs} == set(range(1, 11))

    def test_requests_are_of_every_kind(self) -> None:
        sent = list(islice(leak.requests(seed=0), 1000))
        paths = Counter(request.split(b" ", 2)[1] for request in sent)
        assert set(paths) == {
            b"/v1/models/small:predict",
            b"/v1/models/heads:predict",
            b"/v1/models/none:predict",
            b"/v2/models/heads/infer",
            b"/v2/models/image/infer",
        }
