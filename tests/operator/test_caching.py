"""The 80-20 rule: whether answers are cached, and when the cached ones are forgotten."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_operator.bounds import interval
from frazil_operator.caching import Caching, Rules, State, decide, level
from frazil_operator.sums import evaluated
from frazil_runtime.contract.accuracy import Counts, Metric

NOW = 1_800_000_000.0
HOUR = 3600.0
RULES = Rules()  # minAccuracy 0.8, expireOnChange 0.02, minSamples 50
ERRORS = Rules(Metric.MEAN_ABSOLUTE_ERROR, min_accuracy=3.0)
F1 = Rules(Metric.BINARY_F1)
NEW = State("a")
ON = State("a", caching=True, measured=True)
OFF = State("a", measured=True)


def share(accuracy: float, labels: int) -> Counts:
    return Counts(labels=labels, right=round(accuracy * labels))


def mean(error: float, labels: int = 400) -> Counts:
    """Errors of the standard deviation 1."""
    return Counts(
        labels=labels, error=error * labels, squared_error=(error**2 + 1) * labels - error**2
    )


def positives(right: int, wrong: int, negatives: int = 1_000) -> Counts:
    labels = right + wrong + negatives
    return Counts(
        labels=labels, true_positives=right, false_positives=wrong, true_negatives=negatives
    )


def look(
    counts: Counts, state: State, prior: Counts | None = None, rules: Rules = RULES, at: float = NOW
) -> Caching:
    return decide(rules, counts, prior, state, at)[0]


NONE = Counts()
GOOD, FAIR, BAD = share(0.9, 400), share(0.82, 400), share(0.7, 400)
FEW = share(0.0, 49)


@pytest.mark.parametrize(
    ("counts", "prior", "state", "on"),
    [
        pytest.param(NONE, None, NEW, False, id="no accuracy at all: no caching"),
        pytest.param(FEW, None, NEW, False, id="too few labels, and no evaluation"),
        pytest.param(NONE, GOOD, NEW, True, id="the evaluation is assured"),
        pytest.param(NONE, FAIR, NEW, False, id="the evaluation is fair, though not assured"),
        pytest.param(NONE, share(1.0, 10), NEW, False, id="an evaluation of ten samples"),
        pytest.param(FEW, GOOD, NEW, True, id="few labels against an assured evaluation"),
        pytest.param(BAD, GOOD, NEW, False, id="enough labels against an assured evaluation"),
        pytest.param(FAIR, GOOD, NEW, True, id="an assured evaluation, then fair labels"),
        pytest.param(GOOD, None, NEW, True, id="assured labels, and no evaluation"),
        pytest.param(GOOD, BAD, NEW, True, id="assured labels against a bad evaluation"),
        pytest.param(FAIR, None, OFF, False, id="fair: off stays off"),
        pytest.param(FAIR, None, ON, True, id="fair: on stays on"),
        pytest.param(share(0.78, 400), None, ON, True, id="on where it may be above after all"),
        pytest.param(BAD, None, ON, False, id="failed: off"),
        pytest.param(GOOD, None, OFF, True, id="assured: on"),
        pytest.param(NONE, None, ON, True, id="labels have ceased: on stays on"),
        pytest.param(NONE, GOOD, OFF, False, id="labels have ceased: the evaluation is no news"),
        pytest.param(FEW, None, ON, True, id="labels have become few: on stays on"),
        pytest.param(NONE, None, replace(ON, measured=False), False, id="the evaluation is gone"),
    ],
)
def test_caching(counts: Counts, prior: Counts | None, state: State, on: bool) -> None:
    assert look(counts, state, prior).on is on


@pytest.mark.parametrize(
    ("rules", "counts", "state", "on"),
    [
        pytest.param(ERRORS, mean(2.5), OFF, True, id="an error assured to be small"),
        pytest.param(ERRORS, mean(2.95), OFF, False, id="an error nearly as large: off stays off"),
        pytest.param(ERRORS, mean(3.05), ON, True, id="an error hardly larger: on stays on"),
        pytest.param(ERRORS, mean(3.5), ON, False, id="an error that is too large"),
        pytest.param(F1, positives(190, 20), OFF, True, id="an F1 assured to be high"),
        pytest.param(F1, positives(90, 110), ON, False, id="an F1 that is too low"),
        pytest.param(F1, positives(0, 0), ON, True, id="no positives to know an F1 by: on stays"),
        pytest.param(F1, positives(0, 0), NEW, False, id="no positives, and nothing known before"),
    ],
)
def test_caching_by_other_metrics(rules: Rules, counts: Counts, state: State, on: bool) -> None:
    assert look(counts, state, rules=rules).on is on


@pytest.mark.parametrize(
    ("counts", "prior", "state", "expected"),
    [
        pytest.param(GOOD, None, ON, False, id="comfortably above"),
        pytest.param(share(0.79, 400), None, ON, True, id="below, though it may be chance"),
        pytest.param(share(0.81, 400), None, ON, False, id="above, though it may be chance"),
        pytest.param(
            *(share(0.81, 400), None, replace(ON, expects_loss=True), True),
            id="hardly above, after a warning",
        ),
        pytest.param(
            *(share(0.83, 400), None, replace(ON, expects_loss=True), False),
            id="clearly above, after a warning",
        ),
        pytest.param(BAD, None, ON, False, id="gone already"),
        pytest.param(share(0.79, 400), None, OFF, False, id="off anyway"),
        pytest.param(share(0.6, 25), GOOD, NEW, True, id="half the labels against the evaluation"),
        pytest.param(share(0.6, 24), GOOD, NEW, False, id="fewer than half"),
        pytest.param(share(0.6, 25), None, ON, True, id="labels became few, and bad"),
        pytest.param(
            *(share(0.6, 24), None, replace(ON, expects_loss=True), True),
            id="labels became too few to take a warning back",
        ),
    ],
)
def test_expects_loss(counts: Counts, prior: Counts | None, state: State, expected: bool) -> None:
    assert look(counts, state, prior).expects_loss is expected


def test_a_decision_says_what_it_was_taken_by() -> None:
    counted = look(GOOD, NEW, share(0.95, 1_000))
    assert counted == Caching(True, 0, False, interval(Metric.ACCURACY, GOOD), 400, True)
    prior = share(0.95, 1_000)
    stood_in = look(FEW, NEW, prior)
    assert (stood_in.accuracy, stood_in.samples) == (interval(Metric.ACCURACY, prior), 1_000)
    assert not stood_in.measured


@pytest.mark.parametrize(
    ("then", "since", "epochs"),
    [
        pytest.param(share(0.9, 5_000), share(0.9, 5_000), 0, id="nothing has moved"),
        pytest.param(share(0.9, 5_000), share(0.85, 5_000), 1, id="it fell"),
        pytest.param(share(0.85, 5_000), share(0.9, 5_000), 1, id="it rose"),
        pytest.param(share(0.9, 50), share(0.8, 50), 0, id="chance may have done that"),
        pytest.param(share(0.9, 500_000), share(0.89, 500_000), 0, id="it fell, by too little"),
        pytest.param(share(0.9, 5_000), share(0.0, 49), 0, id="too few labels"),
    ],
)
def test_an_epoch_ends_when_accuracy_has_moved(then: Counts, since: Counts, epochs: int) -> None:
    state = replace(ON, since=NOW - 9 * HOUR, reference=then, epoch=7)
    assert look(since, state).epoch == 7 + epochs


def test_accuracy_is_compared_with_the_first_whole_window_of_the_epoch() -> None:
    high, mixed, low = (share(accuracy, 5_000) for accuracy in (0.95, 0.88, 0.83))
    seen = [(0.0, high), (1.0, high), (5.0, mixed), (5.5, low), (6.0, low), (9.0, low)]
    state, epochs, references = NEW, [], []
    for hours, counts in seen:
        caching, state = decide(RULES, counts, None, state, NOW + hours * HOUR)
        epochs.append(caching.epoch)
        references.append(state.reference)
    assert epochs == [0, 0, 1, 1, 1, 1], "the rest of a fall counts as another change"
    assert references == [None, high, None, None, low, low]


def test_a_clock_that_was_ahead_holds_nothing_up() -> None:
    _, state = decide(RULES, GOOD, None, replace(ON, since=NOW + 1e9), NOW)
    assert state.since == NOW


def test_another_revision_keeps_the_epoch_and_nothing_else() -> None:
    state = State("a", True, True, 4, True, NOW, GOOD)
    assert state.about("a") is state
    assert state.about("b") == State("b", epoch=4)


@pytest.mark.parametrize(
    ("seconds", "z"),
    [
        pytest.param(3_600, 3.87, id="24 windows a day"),
        pytest.param(60, 4.87, id="a short window is looked at more often"),
        pytest.param(30 * 86_400, 1.96, id="never less than 95 %"),
    ],
)
def test_level(seconds: int, z: float) -> None:
    assert level(seconds) == pytest.approx(z, abs=0.01)


@pytest.mark.parametrize("labels", [5, 500], ids=["50 labels an hour", "5,000 labels an hour"])
def test_a_constant_accuracy_moves_no_epoch_and_flips_no_caching(labels: int) -> None:
    """``labels`` in each tenth of a window; a day of 240 looks."""
    dice, state, parts = random.Random(1), NEW, [Counts()] * 10
    for turn in range(240):
        right = sum(dice.random() < 0.95 for _ in range(labels))
        parts = [*parts[1:], Counts(labels=labels, right=right)]
        before = state
        _, state = decide(RULES, Counts.sum(parts), None, state, NOW + turn * 360)
        assert state.caching >= before.caching
    assert (state.caching, state.expects_loss, state.epoch) == (True, False, 0)


@given(
    st.integers(0, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_caching_changes_only_on_what_is_certain(
    counted: tuple[int, int], caching: bool, measured: bool, warned: bool
) -> None:
    state = State("a", caching, caching and warned, measured=measured)
    counts = Counts(labels=counted[0], right=counted[1])
    after = look(counts, state, FAIR if caching else None)
    if after.on and not caching:
        assert after.accuracy is not None
        assert after.accuracy.low >= RULES.min_accuracy
    if caching and not after.on:
        assert after.accuracy is not None
        assert after.accuracy.high < RULES.min_accuracy
    assert after.on or not after.expects_loss


STATES = [
    pytest.param(State(), id="a new one"),
    pytest.param(State("a/1f", True, True, 3, True, NOW, GOOD), id="one with a reference"),
    pytest.param(replace(ON, reference=mean(0.1), since=NOW), id="one of errors"),
]


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_read_as_it_was_written(state: State) -> None:
    assert State.from_json(state.to_json()) == state


KNOWN = json.loads(State("a", True, False, 3, True, NOW, GOOD).to_json())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("7", id="another kind of JSON"),
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param("{}", id="fields are missing"),
        pytest.param(json.dumps(KNOWN | {"epoch": -1}), id="less than no epoch"),
        pytest.param(json.dumps(KNOWN | {"epoch": "3"}), id="an epoch that is text"),
        pytest.param(json.dumps(KNOWN | {"caching": 1}), id="caching that is a number"),
        pytest.param(json.dumps(KNOWN | {"since": "noon"}), id="no time"),
        pytest.param(json.dumps(KNOWN | {"since": 10**400}), id="no time at all"),
        pytest.param(json.dumps(KNOWN | {"since": float("nan")}), id="NaN"),
        pytest.param(json.dumps(KNOWN | {"reference": []}), id="a reference that is a list"),
        pytest.param(
            json.dumps(KNOWN | {"reference": {"labels": 1, "right": 2}}), id="more right than all"
        ),
    ],
)
def test_a_damaged_state_is_a_new_one(text: str) -> None:
    assert State.from_json(text) == State()


@pytest.mark.parametrize(
    ("figures", "counts"),
    [
        pytest.param({"right": 9, "scored": 10}, share(0.9, 10), id="a share"),
        pytest.param(
            {"tp": 7, "fp": 2, "fn": 0, "tn": 100}, positives(7, 2, 100), id="a confusion matrix"
        ),
        pytest.param(
            {"sum": 5.0, "sum_of_squares": 9.0, "scored": 10},
            Counts(labels=10, error=5.0, squared_error=9.0),
            id="errors",
        ),
        pytest.param({}, None, id="nothing was counted"),
        pytest.param({"right": 9}, None, id="nobody says of how many"),
        pytest.param({"right": 9.5, "scored": 10}, None, id="half an answer"),
        pytest.param({"right": 11, "scored": 10}, None, id="more right than all"),
    ],
)
def test_an_evaluation_in_the_words_of_feedback(
    figures: dict[str, float], counts: Counts | None
) -> None:
    assert evaluated(figures) == counts
