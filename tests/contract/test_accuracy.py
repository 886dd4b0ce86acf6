"""What a pod is told of its accuracy, and what it tells of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import (
    MINUTES,
    REVISIONS,
    TALLY_BYTES,
    AccuracyRules,
    Bucket,
    Counts,
    Metric,
    Tally,
)

RULES = AccuracyRules(enabled=True, output="scores", metric=Metric.TOP_K, k=3)
COUNTS = Counts(predictions=9, rows=12, labels=5, right=4)
TALLY = Tally(
    model="digits",
    revision="digits-b",
    metric=Metric.TOP_K,
    rules=RULES.digest,
    epoch=3,
    enabled=True,
    keyed=True,
    guarded=True,
    now=1_700_000_061.5,
    started=1_700_000_000.0,
    buckets={"digits-a": (Bucket(7, COUNTS), Bucket(9, COUNTS)), "digits-b": ()},
)


def test_rules_survive_the_way_to_the_pod() -> None:
    policy = Policy(number=7, accuracy=RULES)
    assert Policy.from_json(policy.to_json()) == policy


def test_a_policy_that_measures_nothing_is_written_as_before_anything_was_measured() -> None:
    assert "accuracy" not in Policy().to_json()


def test_what_rules_leave_out_has_its_default_and_what_they_add_is_passed_over() -> None:
    assert AccuracyRules.from_record({"k": 7, "news": []}) == AccuracyRules(k=7)


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        pytest.param(RULES, True, id="the same"),
        pytest.param(replace(RULES, enabled=False), True, id="that are not followed"),
        pytest.param(replace(RULES, max_label_age_seconds=60), True, id="for younger labels"),
        pytest.param(replace(RULES, threshold=0.9), True, id="of a threshold that k has no use of"),
        pytest.param(replace(RULES, output="other"), False, id="of another output"),
        pytest.param(replace(RULES, metric=Metric.ACCURACY), False, id="of another metric"),
        pytest.param(replace(RULES, k=4), False, id="of another k"),
    ],
)
def test_answers_are_scored_alike_by_rules(other: AccuracyRules, alike: bool) -> None:
    assert (other.digest == RULES.digest) is alike
    assert len(bytes.fromhex(other.digest)) == 4


@pytest.mark.parametrize(
    "record",
    [
        pytest.param([], id="no object"),
        pytest.param({"enabled": 1}, id="a truth that is a number"),
        pytest.param({"output": 1}, id="an output without a name"),
        pytest.param({"output": "x" * 300}, id="a name that is too long"),
        pytest.param({"metric": "F1"}, id="a metric that is none"),
        pytest.param({"metric": ["TopK"]}, id="a list of metrics"),
        pytest.param({"k": 0}, id="the best none"),
        pytest.param({"k": 101}, id="the best of all"),
        pytest.param({"k": 2.0}, id="a k that is not whole"),
        pytest.param({"k": True}, id="a k that is a truth"),
        pytest.param({"threshold": 1.5}, id="a probability above 1"),
        pytest.param({"threshold": float("nan")}, id="a probability that is no number"),
        pytest.param({"threshold": 10**400}, id="a number that fits nowhere"),
        pytest.param({"max_label_age_seconds": 0}, id="labels before there are answers"),
    ],
)
def test_rules_that_make_no_sense_are_refused(record: object) -> None:
    with pytest.raises(ValueError, match=r"must be|not an object"):
        AccuracyRules.from_record(record)
    with pytest.raises(ValueError, match=r"^accuracy"):
        Policy.from_json(json.dumps({"accuracy": record}))


def test_counts_add_up() -> None:
    one = Counts(**{name: at for at, name in enumerate(asdict(Counts()), start=1)})
    two = Counts.sum([one, one])
    assert asdict(two) == {name: 2 * got for name, got in asdict(one).items()}
    assert Counts.sum([]) == Counts()


@pytest.mark.parametrize(
    ("metric", "counts", "value"),
    [
        pytest.param(Metric.ACCURACY, Counts(labels=4, right=3), 0.75, id="right of all"),
        pytest.param(Metric.TOP_K, Counts(labels=4, right=1), 0.25, id="among the best"),
        pytest.param(
            Metric.BINARY_F1,
            Counts(labels=9, true_positives=3, false_positives=1, false_negatives=1),
            0.75,
            id="F1, whatever was truly negative",
        ),
        pytest.param(
            Metric.BINARY_F1, Counts(labels=9, true_negatives=9), None, id="F1 without a positive"
        ),
        pytest.param(
            Metric.MEAN_ABSOLUTE_ERROR,
            Counts(labels=4, error=2.0, squared_error=9.0),
            0.5,
            id="the mean error",
        ),
        *[
            pytest.param(metric, Counts(rows=3), None, id=f"{metric}, no label")
            for metric in Metric
        ],
    ],
)
def test_the_metric_of_what_was_counted(
    metric: Metric, counts: Counts, value: float | None
) -> None:
    assert counts.value(metric) == value


def test_a_tally_survives_the_way_to_the_operator() -> None:
    assert Tally.from_json(TALLY.to_json()) == TALLY


def test_the_largest_tally_there_can_be_is_within_its_bound() -> None:
    counts = Counts(**dict.fromkeys(asdict(Counts()), 10_000_000))
    buckets = tuple(Bucket(2**31 - MINUTES + at, counts) for at in range(MINUTES + 1))
    revisions = {f"{at}{'r' * 250}": buckets for at in range(REVISIONS)}
    assert len(replace(TALLY, buckets=revisions).to_json()) < TALLY_BYTES


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(TALLY.to_json()) | fields)


def one_bucket(**fields: Any) -> str:
    return changed(buckets={"a": [{"minute": 7} | fields]})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[]", id="no object"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 100_000, id="JSON that is too deep"),
        pytest.param(" " * TALLY_BYTES + "{}", id="too much of it"),
        pytest.param(changed(model=7), id="a name that is a number"),
        pytest.param(changed(revision="a\nb"), id="a name of two lines"),
        pytest.param(changed(rules="\ud800"), id="half a character"),
        pytest.param(changed(metric="Fun"), id="a metric that is none"),
        pytest.param(changed(guarded=1), id="a truth that is a number"),
        pytest.param(changed(now=-1), id="before time began"),
        pytest.param(changed(now=float("inf")), id="at no time"),
        pytest.param(changed(epoch=-1), id="an epoch before the first"),
        pytest.param(changed(buckets=[]), id="buckets of nobody"),
        pytest.param(changed(buckets={"\ud800": []}), id="a revision that is half a character"),
        pytest.param(
            changed(buckets={str(at): [] for at in range(REVISIONS + 1)}), id="too many revisions"
        ),
        pytest.param(changed(buckets={"a": {}}), id="buckets that are no list"),
        pytest.param(changed(buckets={"a": [7]}), id="a bucket that is a number"),
        pytest.param(changed(buckets={"a": [{"rows": 7}]}), id="a bucket of no minute"),
        pytest.param(
            changed(buckets={"a": [{"minute": 7}, {"minute": 7}]}), id="two of the same minute"
        ),
        pytest.param(
            changed(buckets={"a": [{"minute": at} for at in range(MINUTES + 2)]}),
            id="more minutes than an hour has",
        ),
        pytest.param(one_bucket(predictions=-1), id="fewer than none"),
        pytest.param(one_bucket(predictions=10**9), id="more than a pod can answer"),
        pytest.param(one_bucket(rows=float("nan")), id="rows that are no number"),
        pytest.param(one_bucket(labels=1.5), id="half a label"),
        pytest.param(one_bucket(labels=2, right=3), id="more right than labelled"),
        pytest.param(
            one_bucket(labels=2, true_positives=2, false_negatives=1), id="more than labelled"
        ),
        pytest.param(one_bucket(labels=1, error=-0.5), id="an error below 0"),
        pytest.param(one_bucket(error=0.5), id="an error of no label"),
        pytest.param(one_bucket(labels=1, squared_error=float("inf")), id="an endless error"),
        pytest.param(one_bucket(labels=1, error=10**400), id="an error that fits nowhere"),
    ],
)
def test_a_tally_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tally.from_json(text)


def test_what_a_tally_leaves_out_has_its_default_and_what_it_adds_is_passed_over() -> None:
    assert Tally.from_json('{"news": 1}') == Tally("", "")
