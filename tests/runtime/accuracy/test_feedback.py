"""Feedback as clients send it."""

from __future__ import annotations

import pytest

from frazil_runtime.accuracy.feedback import Feedback, read
from frazil_runtime.accuracy.verdicts import Outcome, RefusedError
from frazil_runtime.errors import Code


@pytest.mark.parametrize(
    ("body", "feedback"),
    [
        pytest.param(
            '{"prediction_id": "p", "labels": [1, true, 1.0]}',
            Feedback("p", [1, True, 1.0], None),
            id="labels of all rows",
        ),
        pytest.param(
            '{"prediction_id": "p", "labels": [7], "rows": [0], "news": 1}',
            Feedback("p", [7], [0]),
            id="of some rows, and what only others know",
        ),
        pytest.param(
            '{"prediction_id": "p", "labels": [], "rows": null}',
            Feedback("p", [], None),
            id="null is as good as absent",
        ),
    ],
)
def test_feedback_is_read(body: str, feedback: Feedback) -> None:
    found = read(body.encode())
    assert found == feedback
    assert [type(label) for label in found.labels] == [type(label) for label in feedback.labels]


def test_a_long_list_of_labels_is_a_list_still() -> None:
    labels = ",".join(["1"] * 256)
    found = read(b'{"prediction_id": "p", "labels": [%s]}' % labels.encode())
    assert found.labels == [1] * 256
    assert {type(label) for label in found.labels} == {int}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param("", Outcome.MALFORMED, id="nothing"),
        pytest.param("secret{", Outcome.MALFORMED, id="no JSON"),
        pytest.param('{"prediction_id": "secret", "labels": [NaN]}', Outcome.MALFORMED, id="a NaN"),
        pytest.param('["secret"]', Outcome.MALFORMED, id="no object"),
        pytest.param('{"labels": ["secret"]}', Outcome.MALFORMED, id="no id"),
        pytest.param('{"prediction_id": 7, "labels": [1]}', Outcome.MALFORMED, id="a number as id"),
        pytest.param('{"prediction_id": "p"}', Outcome.MISLABELLED, id="no labels"),
        pytest.param(
            '{"prediction_id": "p", "labels": "secret"}', Outcome.MISLABELLED, id="a bare label"
        ),
        pytest.param(
            '{"prediction_id": "p", "labels": [1], "rows": 0}', Outcome.MISLABELLED, id="a bare row"
        ),
    ],
)
def test_what_is_none_is_refused_and_not_repeated(body: str, outcome: Outcome) -> None:
    with pytest.raises(RefusedError) as caught:
        read(body.encode())
    assert (caught.value.outcome, caught.value.code) == (outcome, Code.INVALID_ARGUMENT)
    assert "secret" not in str(caught.value)
