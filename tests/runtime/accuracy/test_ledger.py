"""One model's accuracy: ids for answers, labels for ids, and what is counted of both."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes.accuracy import NOW, PAIR, RULES, SCORES, SECRET, Clock, Pod

from frazil_runtime.accuracy import tokens
from frazil_runtime.accuracy.verdicts import Outcome, RefusedError, Verdict
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules, Bucket, Counts, Metric, Tally
from frazil_runtime.errors import Code

WEEK = RULES.max_label_age_seconds
MINUTE = int(NOW) // 60


def refused(pod: Pod, prediction_id: str, *labels: object, **further: object) -> Outcome:
    with pytest.raises(RefusedError) as caught:
        pod.label(prediction_id, *labels, **further)
    assert prediction_id not in str(caught.value) or not prediction_id
    return caught.value.outcome


def scored(pod: Pod, revision: str = "digits-a") -> Counts:
    buckets = pod.ledger.window.buckets(pod.clock()).get(revision, ())
    return Counts.sum(each.counts for each in buckets)


def test_a_label_is_held_against_what_was_predicted() -> None:
    pod = Pod()
    assert pod.label(pod.predict(2, 0, 1), 2, 0, 0) == Verdict(3)
    assert pod.label(pod.predict(1, 1), 1, rows=[1]) == Verdict(1)
    assert scored(pod) == Counts(predictions=2, rows=5, labels=4, right=3)
    assert pod.ledger.outcomes == {Outcome.SCORED: 2}


def test_the_tally_says_what_was_counted_and_by_which_rules() -> None:
    pod = Pod()
    prediction_id = pod.predict(1)
    pod.clock.now += 90
    pod.label(prediction_id, 1)
    tally = pod.ledger.tally()
    assert tally == Tally(
        model="digits",
        revision="digits-a",
        metric=Metric.ACCURACY,
        rules=RULES.digest,
        epoch=0,
        enabled=True,
        keyed=True,
        guarded=False,
        now=NOW + 90,
        started=NOW,
        buckets={
            "digits-a": (
                Bucket(MINUTE, Counts(predictions=1, rows=1)),
                Bucket(MINUTE + 1, Counts(labels=1, right=1)),
            )
        },
    )
    assert Tally.from_json(tally.to_json()) == tally
    assert pod.ledger.last_hour() == {"digits-a": 1.0}


def test_no_two_answers_have_the_same_id() -> None:
    pod = Pod()
    assert len({pod.predict(1, asked=b"same") for _ in range(100)}) == 100


def test_any_pod_of_a_model_scores_what_another_has_predicted_under_its_revision() -> None:
    stable, candidate = Pod("digits-a"), Pod("digits-b")
    assert stable.label(candidate.predict(1), 1) == Verdict(1)
    assert scored(stable, "digits-b") == Counts(labels=1, right=1)
    assert scored(stable, "digits-a") == Counts()
    assert scored(candidate, "digits-b") == Counts(predictions=1, rows=1)


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        pytest.param(Pod(model="letters"), Outcome.FORGED, id="of another model"),
        pytest.param(Pod(secret=bytes(32)), Outcome.FORGED, id="signed with another key"),
    ],
)
def test_a_foreign_id_is_refused(other: Pod, outcome: Outcome) -> None:
    pod = Pod()
    assert refused(pod, other.predict(1), 1) is outcome
    assert scored(pod) == Counts()


@pytest.mark.parametrize("text", ["", "nonsense", "A" * 80])
def test_what_is_no_id_is_malformed(text: str) -> None:
    assert refused(Pod(), text, 1) is Outcome.MALFORMED


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        pytest.param(WEEK, None, id="in time"),
        pytest.param(WEEK + 1, Outcome.EXPIRED, id="too late"),
        pytest.param(-300, None, id="predicted by a clock a little ahead"),
        pytest.param(-301, Outcome.FUTURE, id="predicted by a clock too far ahead"),
    ],
)
def test_labels_come_in_time(age: float, outcome: Outcome | None) -> None:
    other = Pod(clock=Clock(NOW - age))
    if outcome is None:
        assert Pod().label(other.predict(1), 1) == Verdict(1)
    else:
        assert refused(Pod(), other.predict(1), 1) is outcome


def test_a_prediction_takes_feedback_once() -> None:
    pod = Pod()
    prediction_id = pod.predict(1)
    assert pod.label(prediction_id, 1) == Verdict(1)
    for seconds in (0, 60, WEEK - 60):
        pod.clock.now += seconds
        assert refused(pod, prediction_id, 0) is Outcome.REPLAYED
    assert pod.ledger.window.totals["digits-a"].labels == 1


def test_an_id_is_remembered_for_as_long_as_it_is_good() -> None:
    early = Pod(clock=Clock(NOW + 300)).predict(1)
    pod = Pod()
    pod.label(early, 1)
    pod.clock.now = NOW + 300 + WEEK
    assert refused(pod, early, 1) is Outcome.REPLAYED
    pod.clock.now += 1
    assert refused(pod, early, 1) is Outcome.EXPIRED


def test_one_input_counts_once_a_minute_in_each_revision() -> None:
    pod, other = Pod(), Pod("digits-b")
    first, second, third = (pod.predict(1, asked=b"same") for _ in range(3))
    assert pod.label(first, 1) == Verdict(1)
    verdict = pod.label(second, 1)
    assert verdict.scored == 0
    assert "less than a minute ago" in verdict.reason
    assert pod.label(other.predict(1, asked=b"same"), 1) == Verdict(1)
    pod.clock.now += 60
    assert pod.label(third, 1) == Verdict(1)
    assert pod.ledger.outcomes == {Outcome.SCORED: 3, Outcome.REPEATED: 1}


@pytest.mark.parametrize("label", ["cat", 1.5, True, -1])
def test_wrong_labels_can_be_mended(label: object) -> None:
    pod = Pod()
    prediction_id = pod.predict(1)
    assert refused(pod, prediction_id, label) is Outcome.MISLABELLED
    assert pod.label(prediction_id, 1) == Verdict(1)


def test_a_change_of_rules_begins_anew() -> None:
    pod = Pod()
    before = pod.predict(1)
    pod.label(pod.predict(1), 1)
    pod.ledger.follow(Policy(epoch=3, accuracy=replace(RULES, max_label_age_seconds=60)))
    assert scored(pod).labels == 1, "nothing that matters to the counts has changed"
    pod.ledger.follow(Policy(epoch=4, accuracy=replace(RULES, metric=Metric.TOP_K, k=2)))
    tally = pod.ledger.tally()
    assert (tally.epoch, tally.metric, tally.buckets) == (4, Metric.TOP_K, {})
    verdict = pod.label(before, 1)
    assert verdict.scored == 0
    assert "has changed" in verdict.reason
    assert pod.label(pod.predict(1), 1) == Verdict(1)


def test_where_nothing_is_measured_there_is_nothing_to_label() -> None:
    prediction_id = Pod().predict(1)
    assert refused(Pod(rules=AccuracyRules()), prediction_id, 1) is Outcome.DISABLED
    assert refused(Pod(secret=None), prediction_id, 1) is Outcome.DISABLED
    assert not Pod(rules=AccuracyRules()).ledger.enabled


def test_a_key_that_comes_late_is_found_with_the_next_policy() -> None:
    pod = Pod(secret=None)
    assert pod.predict(1) == ""
    assert not pod.ledger.tally().keyed
    pod.secret = SECRET
    pod.ledger.follow(Policy(number=2, accuracy=RULES))
    assert pod.ledger.tally().keyed
    assert pod.label(pod.predict(1), 1) == Verdict(1)


@pytest.mark.parametrize(
    ("pod", "signature", "omitted"),
    [
        pytest.param(Pod(secret=None), SCORES, "no key", id="no key"),
        pytest.param(Pod(), PAIR, "several outputs", id="several outputs"),
        pytest.param(
            Pod(rules=replace(RULES, output="sum")), SCORES, "has not the output", id="no such"
        ),
        pytest.param(Pod(rules=replace(RULES, output="sum")), PAIR, "one value", id="unfit"),
    ],
)
def test_an_answer_without_an_id_says_why(pod: Pod, signature: object, omitted: str) -> None:
    outputs = [np.eye(3, dtype=np.float32), np.ones(3, np.float32)]
    stamp = pod.ledger.stamp(signature, outputs, bytes(32))  # type: ignore[arg-type]
    assert stamp.id == ""
    assert omitted in stamp.omitted
    assert stamp.omitted.isascii()
    assert stamp.omitted.isprintable(), "it goes into a header"
    assert scored(pod) == Counts()


def test_one_output_of_several_is_scored() -> None:
    pod = Pod(rules=replace(RULES, output="scores"))
    assert pod.label(pod.predict(2, signature=PAIR), 2) == Verdict(1)
    assert pod.label(pod.predict(0, signature=SCORES), 0) == Verdict(1)


def test_no_answer_fails_for_its_id(caplog: pytest.LogCaptureFixture) -> None:
    pod = Pod(revision="r" * 256)  # that no id has room for
    with caplog.at_level(logging.ERROR, logger="frazil"):
        for _ in range(3):
            assert pod.predict(1) == ""
    assert caplog.messages == ["a prediction id could not be made"]
    assert scored(pod, pod.revision) == Counts()


@pytest.mark.parametrize(
    ("authorization", "let_in"),
    [
        pytest.param("Bearer s3cret", True, id="the secret"),
        pytest.param("bearer s3cret", True, id="a scheme in lower case"),
        pytest.param("Bearer secret", False, id="another secret"),
        pytest.param("Bearer s3crét", False, id="a secret that is not ASCII"),
        pytest.param("Basic s3cret", False, id="another scheme"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_who_may_send_feedback(authorization: str, let_in: bool, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    pod = Pod(token_file=token)
    assert pod.ledger.tally().guarded
    if let_in:
        pod.ledger.check_sender(authorization)
        return
    with pytest.raises(RefusedError) as caught:
        pod.ledger.check_sender(authorization)
    assert caught.value.code is Code.UNAUTHENTICATED
    assert pod.ledger.outcomes == {Outcome.UNAUTHORIZED: 1}


def test_a_secret_that_is_not_there_lets_nobody_in_and_none_lets_everybody(tmp_path: Path) -> None:
    Pod().ledger.check_sender("")
    with pytest.raises(RefusedError):
        Pod(token_file=tmp_path / "none").ledger.check_sender("Bearer ")


def test_a_token_holds_what_was_predicted_and_nothing_of_what_was_asked() -> None:
    pod = Pod()
    sealed = tokens.unseal(tokens.key_for(SECRET, "digits"), pod.predict(2, asked=b"private"))
    assert sealed.predicted.values.tolist() == [[2]]
    assert (sealed.revision, sealed.time, len(sealed.input)) == ("digits-a", int(NOW), 8)
