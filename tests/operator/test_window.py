"""What was counted of a model lately, by pods that live and pods that have left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_operator.window import BYTES, Window
from frazil_runtime.contract.accuracy import Bucket, Counts, Tally

MINUTE = 30_000_000
NOW = MINUTE * 60.0 + 30
EMPTY = Window("rules")


def right(n: int, labels: int | None = None) -> Counts:
    labels = n if labels is None else labels
    return Counts(predictions=2 * labels, rows=2 * labels, labels=labels, right=n)


def tally(
    *ago: int, rules: str = "rules", started: float = 1.0, n: int = 1, of: str = "a"
) -> Tally:
    """``n`` right labels in each of the minutes that many ``ago``."""
    buckets = [Bucket(MINUTE - minutes, right(n)) for minutes in sorted(ago, reverse=True)]
    return Tally("m", "a", rules=rules, now=NOW, started=started, buckets={of: buckets})


def told(*tallies: Tally) -> Window:
    """By a pod each."""
    window = EMPTY
    for number, each in enumerate(tallies):
        window = window.absorb(f"pod-{number}", each, NOW)
    return window


def labels(window: Window, now: float = NOW, revision: str = "a") -> int:
    return window.counts(revision, now).labels


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        pytest.param(EMPTY, 0, id="nobody has told anything"),
        pytest.param(told(tally(0, 1)), 2, id="two minutes of one pod"),
        pytest.param(told(tally(0, 1), tally(1, n=5)), 7, id="pods are added up"),
        pytest.param(told(tally(59, 60)), 1, id="60 minutes count, that of now among them"),
        pytest.param(told(tally(-5, -6)), 1, id="clocks differ, though by no more than 5 minutes"),
        pytest.param(told(tally(0, of="b")), 0, id="another revision's answers"),
        pytest.param(told(tally(0, rules="other")), 0, id="answers scored by other rules"),
        pytest.param(replace(told(tally(0, 1, 2)), seconds=90), 2, id="a window of two minutes"),
    ],
)
def test_counts(window: Window, expected: int) -> None:
    assert labels(window) == expected


def test_what_a_pod_tells_replaces_what_it_told_before() -> None:
    window = told(tally(1, 0)).absorb("pod-0", tally(0, n=4), NOW)
    assert labels(window) == 1 + 4


def test_what_is_no_news_changes_nothing() -> None:
    window = told(tally(1, 0))
    assert window.absorb("pod-0", tally(1, 0), NOW + 20) is window
    assert window.absorb("pod-0", tally(1, 0, n=9, rules="other"), NOW) is window
    assert window.left("nobody", NOW) is window


def test_a_pod_that_leaves_takes_nothing_with_it() -> None:
    window = told(tally(1, 0), tally(1, 2), tally(0))
    assert window.left("pod-1", NOW).counts("a", NOW) == window.counts("a", NOW)
    alone = window.remaining({"pod-2", "new"}, NOW)
    assert alone.counts("a", NOW) == window.counts("a", NOW)
    assert alone.pods.keys() == {"pod-2"}


def test_a_process_that_started_anew_in_its_pod_counts_beside_the_one_before() -> None:
    window = told(tally(1, 0)).absorb("pod-0", tally(0, started=2.0), NOW)
    assert labels(window) == 3
    assert labels(window.absorb("pod-0", tally(0, n=2, started=2.0), NOW)) == 4


def test_minutes_pass_out_of_the_window() -> None:
    window = told(tally(30, 0)).left("pod-0", NOW)
    assert [labels(window, NOW + 60 * m) for m in (0, 29, 30, 59, 60)] == [2, 2, 1, 1, 0]


def test_a_long_window_keeps_what_a_pod_tells_no_more() -> None:
    window = Window("rules", 7200).absorb("pod", tally(10, 0), NOW)
    later = NOW + 70 * 60
    window = window.absorb("pod", tally(-69), later)
    assert labels(window, later) == 3
    assert labels(window.left("pod", later), later) == 3
    assert labels(window.absorb("pod", tally(10, 0, -69), later), later) == 3, "counted twice"


def test_coverage_is_labels_for_each_row_predicted() -> None:
    assert EMPTY.coverage("a", NOW) is None
    assert told(tally(0)).coverage("a", NOW) == 0.5
    many = Tally("m", "a", rules="rules", buckets={"a": [Bucket(MINUTE, Counts(1, 1, 3, 3))]})
    assert told(many).coverage("a", NOW) == 1.0


COUNTS = st.builds(
    Counts,
    labels=st.integers(50, 90),
    right=st.integers(0, 50),
    error=st.integers(0, 10**6).map(float),  # sums of whole numbers are exact in any order
    squared_error=st.integers(0, 10**6).map(float),
)
BUCKETS = st.dictionaries(st.integers(MINUTE - 60, MINUTE), COUNTS, max_size=5).map(
    lambda minutes: [Bucket(minute, minutes[minute]) for minute in sorted(minutes)]
)
TALLIES = st.dictionaries(st.sampled_from("abc"), BUCKETS).map(
    lambda buckets: Tally("m", "a", rules="rules", buckets=buckets)
)


@given(st.lists(TALLIES, max_size=4), st.sets(st.integers(0, 3)))
def test_a_document_remembers_everything(tallies: list[Tally], gone: Iterable[int]) -> None:
    window = told(*tallies)
    for number in gone:
        window = window.left(f"pod-{number}", NOW)
    again = Window.from_json(window.to_json(NOW), "rules", 3600)
    for revision in "abc":
        assert again.counts(revision, NOW) == window.counts(revision, NOW)
    assert again.pods.keys() == window.pods.keys()
    assert again.at == NOW


def test_after_a_restart_the_pods_tell_again_and_nothing_counts_twice() -> None:
    window = told(tally(3, 2), tally(2))
    again = Window.from_json(window.to_json(NOW), "rules", 3600)
    assert labels(again.absorb("pod-0", tally(3, 2, 1), NOW)) == 4
    assert labels(again.remaining({"pod-0"}, NOW)) == 3, "pod-1 left while nobody looked"


def test_a_document_has_no_minute_that_counts_no_more() -> None:
    window = told(tally(20), tally(20)).left("pod-1", NOW)
    record = json.loads(window.to_json(NOW + 3600))
    assert (record["kept"], record["pods"]["pod-0"]["told"]) == ({}, {})


KNOWN = json.loads(told(tally(0)).left("pod-0", NOW).absorb("pod-1", tally(0), NOW).to_json(NOW))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="another kind of JSON"),
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param(json.dumps(KNOWN)[:-9], id="cut short"),
        pytest.param(json.dumps(KNOWN | {"version": 2}), id="a later version"),
        pytest.param(json.dumps(KNOWN | {"rules": "other"}), id="other rules"),
        pytest.param(json.dumps(KNOWN | {"at": "noon"}), id="no time"),
        pytest.param(json.dumps(KNOWN | {"at": 10**400}), id="no time at all"),
        pytest.param(json.dumps(KNOWN | {"kept": None}), id="no sums"),
        pytest.param(json.dumps(KNOWN | {"kept": {"a": [[1.5]]}}), id="half a minute"),
        pytest.param(json.dumps(KNOWN | {"kept": {"a": [[MINUTE, -1]]}}), id="less than none"),
        pytest.param(json.dumps(KNOWN | {"kept": {"a": [[MINUTE, True]]}}), id="no number"),
        pytest.param(json.dumps(KNOWN | {"kept": {"a": [[MINUTE, 9, 9, 1, 2]]}}), id="too right"),
        pytest.param(
            json.dumps(KNOWN | {"kept": {"a": [[MINUTE, *[0] * 8, float("nan")]]}}), id="NaN"
        ),
        pytest.param(json.dumps(KNOWN | {"columns": ["labels"]}), id="no minutes"),
        pytest.param(json.dumps(KNOWN | {"pods": {"u": {"told": {}}}}), id="started never"),
    ],
)
def test_what_is_damaged_or_unknown_is_an_empty_window(text: str) -> None:
    assert Window.from_json(text, "rules", 60) == Window("rules", 60)


def test_a_later_versions_columns_are_passed_over() -> None:
    rows = {"a": [[MINUTE, 7, 5]]}
    record = KNOWN | {"columns": ["minute", "colour", "labels"], "kept": rows, "pods": {}}
    assert labels(Window.from_json(json.dumps(record), "rules", 3600)) == 5


def test_a_document_too_long_leaves_out_the_pods_that_told_least() -> None:
    window = told(*(tally(*range(60), n=1 + (number == 7)) for number in range(400)))
    window = window.left("pod-0", NOW)
    text = window.to_json(NOW)
    again = Window.from_json(text, "rules", 3600)
    assert len(text) < BYTES
    assert "pod-7" in again.pods
    assert again.kept == window.kept


def test_sums_too_long_leave_out_the_oldest_minutes() -> None:
    minutes = {MINUTE - n: right(1) for n in range(20_000)}
    window = Window("rules", 20_000 * 60, {"a": minutes})
    text = window.to_json(NOW)
    again = Window.from_json(text, "rules", 3600)
    assert len(text) < BYTES
    assert list(again.kept["a"]) == list(range(MINUTE - len(again.kept["a"]) + 1, MINUTE + 1))


WRITTEN = replace(told(tally(1, 0), Tally("m", "a", rules="rules")), at=NOW)
NEWS = WRITTEN.absorb("pod-0", tally(1, 0, n=2), NOW)


@pytest.mark.parametrize(
    ("window", "before", "after", "worth"),
    [
        pytest.param(EMPTY, EMPTY, 0, False, id="nothing was ever told"),
        pytest.param(told(tally(0)), EMPTY, 0, True, id="the first labels"),
        pytest.param(WRITTEN, WRITTEN, 0, False, id="nothing has changed"),
        pytest.param(WRITTEN, WRITTEN, 300, False, id="nothing has changed for long"),
        pytest.param(WRITTEN, WRITTEN, 7200, False, id="minutes have passed out of the window"),
        pytest.param(NEWS, WRITTEN, 59, False, id="labels have come within a minute"),
        pytest.param(NEWS, WRITTEN, 60, True, id="labels have come, and a minute has passed"),
        pytest.param(NEWS, WRITTEN, -9, True, id="the clock of the operator before was ahead"),
        pytest.param(WRITTEN.left("pod-0", NOW), WRITTEN, 1, True, id="a pod with labels left"),
        pytest.param(WRITTEN.left("pod-1", NOW), WRITTEN, 99, False, id="a pod without any left"),
        pytest.param(
            WRITTEN.absorb("new", tally(0), NOW).left("new", NOW),
            *(WRITTEN, 1, True),
            id="a pod came and left between two writes",
        ),
        pytest.param(
            WRITTEN.absorb("pod-0", tally(0, started=2.0), NOW),
            *(WRITTEN, 1, True),
            id="a process was followed by another",
        ),
        pytest.param(
            replace(WRITTEN, seconds=7200).absorb("pod-0", tally(-69, n=0), NOW + 4200),
            *(replace(WRITTEN, seconds=7200), 4200, False),
            id="minutes that are told no more became sums",
        ),
    ],
)
def test_worth_writing(window: Window, before: Window, after: float, worth: bool) -> None:
    assert window.worth_writing(before, NOW + after) is worth
