"""What crosses from the runtime to the operator: results and exit codes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.contract import (
    TERMINATION_LIMIT,
    USER_ERRORS,
    Batching,
    Exit,
    FreezeResult,
    Policy,
    is_reason,
)
from frazil_runtime.contract.evaluation import Evaluated, Evaluation

DONE = FreezeResult(
    artifact="sha256-" + "0" * 64,
    checkpoint="sha256:" + "1" * 64,
    checkpoint_bytes=2**40,
    artifact_bytes=2**40,
    reused=True,
)
EVALUATION = {"key": "ab" * 32, "value": 0.5, "samples": 2}
EVALUATED = Evaluated("ab" * 32, 0.1 + 0.2, 450, {"right": 135.0, "scored": 450.0})


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(DONE, id="success"),
        pytest.param(
            FreezeResult(reason="TensorNotFound", message='no tensor "y·"\nnearest: y:0'),
            id="failure",
        ),
        pytest.param(
            FreezeResult(artifact="sha256-0", inputs={"photo": "string", "ж": "float32"}),
            id="the inputs of what was frozen",
        ),
        pytest.param(
            FreezeResult(artifact="sha256-0", evaluation=EVALUATED), id="what it was evaluated to"
        ),
        pytest.param(
            FreezeResult(artifact="sha256-0", evaluation=replace(EVALUATED, value=0.0)),
            id="the worst that it can be evaluated to",
        ),
    ],
)
def test_a_result_survives_the_termination_message(result: FreezeResult) -> None:
    assert FreezeResult.from_json(result.to_json()) == result


@given(st.text(st.characters(exclude_categories=[]), max_size=6_000))
def test_any_message_fits_and_can_be_read(message: str) -> None:
    line = FreezeResult(reason="ProofFailed", message=message).to_json()
    assert len(line.encode()) <= TERMINATION_LIMIT
    read = FreezeResult.from_json(line)
    assert read is not None
    assert read.reason == "ProofFailed"


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    message = "first words " + "x" * 10_000 + " last words"
    read = FreezeResult.from_json(FreezeResult(reason="ProofFailed", message=message).to_json())
    assert read is not None
    assert read.message.startswith("first words")
    assert read.message.endswith("last words")


def test_inputs_that_do_not_fit_are_left_out() -> None:
    inputs = {f"input-{number}": "float32" for number in range(1000)}
    whole = FreezeResult(artifact="sha256-0", inputs=inputs, evaluation=EVALUATED)
    line = whole.to_json()
    assert len(line.encode()) <= TERMINATION_LIMIT
    assert FreezeResult.from_json(line) == replace(whole, inputs={})


@pytest.mark.parametrize(
    "letter",
    [
        pytest.param("x", id="one byte"),
        pytest.param("ж", id="two bytes"),
        pytest.param("文", id="three bytes"),
        pytest.param("🜁", id="four bytes"),
        pytest.param('"', id="one byte that JSON escapes"),
        pytest.param("\x01", id="one byte that JSON writes as six"),
    ],
)
def test_as_much_of_a_message_is_kept_as_fits(letter: str) -> None:
    whole = FreezeResult(reason="ProofFailed", message=letter * 5_000)
    line = whole.to_json()
    assert TERMINATION_LIMIT - 64 <= len(line.encode()) <= TERMINATION_LIMIT
    short = FreezeResult(reason="ProofFailed", message=letter * 600)
    assert FreezeResult.from_json(short.to_json()) == short


def test_a_path_that_is_not_utf8_can_be_told() -> None:
    line = FreezeResult(reason="InvalidRequest", message="caf\udce9").to_json()
    assert "caf?" in line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Traceback (most recent call last):", id="a crash"),
        pytest.param("[1]", id="JSON that is no object"),
        pytest.param('{"message": "half"}', id="an object without a verdict"),
        pytest.param(DONE.to_json()[:100], id="a line that was cut"),
        pytest.param("[" * 4_000, id="JSON that is too deep"),
        pytest.param('{"reason": "out of luck"}', id="a reason that is no word"),
        pytest.param('{"reason": "OutOfLuck\\n"}', id="a reason of two lines"),
        pytest.param(f'{{"reason": "{"x" * 1025}"}}', id="a reason that is too long"),
        pytest.param('{"reason": 7}', id="a reason that is a number"),
        pytest.param('{"reason": null}', id="a reason that is null"),
        pytest.param('{"reason": "Odd", "message": ["x"]}', id="a message that is a list"),
        pytest.param('{"reason": "Odd", "message": "\\ud800"}', id="half a character"),
        pytest.param('{"artifact": "a", "inputs": ["x"]}', id="inputs that are a list"),
        pytest.param('{"artifact": "a", "inputs": {"x": 1}}', id="an input of the type 1"),
        pytest.param('{"artifact": "a", "inputs": {"\\ud800": ""}}', id="half a name"),
        pytest.param('{"artifact": {}}', id="an artifact that is an object"),
        pytest.param('{"artifact": "a", "reused": 1}', id="a truth that is a number"),
        pytest.param('{"artifact": "a", "artifact_bytes": true}', id="a size that is a truth"),
        pytest.param('{"artifact": "a", "artifact_bytes": -1}', id="a size below zero"),
        pytest.param(f'{{"artifact": "a", "artifact_bytes": 1{"0" * 400}}}', id="no such size"),
        *(
            pytest.param(f'{{"artifact": "a", "evaluation": {json.dumps(record)}}}', id=name)
            for name, record in {
                "an evaluation that is a number": 0.9,
                "an evaluation without a value": {"key": "ab" * 32, "samples": 1},
                "an evaluation of another key": EVALUATION | {"key": "../.."},
                "an evaluation that is NaN": EVALUATION | {"value": float("nan")},
                "an evaluation below zero": EVALUATION | {"value": -1.0},
                "an evaluation that is a truth": EVALUATION | {"value": True},
                "an evaluation of no samples": EVALUATION | {"samples": 0},
                "an evaluation of half a sample": EVALUATION | {"samples": 0.5},
                "counts that are a list": EVALUATION | {"counts": [1]},
                "counts of no name": EVALUATION | {"counts": {"": 1}},
                "counts without an end": EVALUATION | {"counts": {"right": float("inf")}},
                "too many counts": EVALUATION | {"counts": dict.fromkeys("abcdefghi", 1)},
            }.items()
        ),
    ],
)
def test_what_is_no_result_is_none(text: str) -> None:
    assert FreezeResult.from_json(text) is None


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_is_no_result(text: str) -> None:
    for said in (text, json.dumps({"reason": text, "message": text})):
        read = FreezeResult.from_json(said)
        assert read is None or not read.reason or is_reason(read.reason)


def test_a_newer_runtimes_fields_are_passed_over() -> None:
    assert FreezeResult.from_json('{"artifact": "sha256-00", "news": 1}') == FreezeResult(
        artifact="sha256-00"
    )


def test_exit_codes_are_known_by_their_reasons() -> None:
    assert Exit.SOURCE_NOT_FOUND.reason == "SourceNotFound"
    assert Exit.OK not in USER_ERRORS
    assert Exit.RETRY not in USER_ERRORS
    # The operator goes by these, and podFailurePolicy lists some: they must be codes that neither
    # Python's exceptions nor a shell nor a signal produces.
    assert all(10 <= code < 126 for code in (*USER_ERRORS, Exit.RETRY))


def test_a_policy_and_a_batching_survive_the_way_to_the_pod() -> None:
    allow = {"photo": ("s3://photos", "https://photos.example/a")}
    policy = Policy(number=7, order="Fifo", output_cache_mode="Always", epoch=3, allow=allow)
    assert Policy.from_json(policy.to_json()) == policy
    batching = Batching(max_batch_size=8, max_delay_milliseconds=2.5)
    assert Batching.from_json(batching.to_json()) == batching


def test_a_policy_that_allows_nothing_is_written_as_before_there_was_anything_to_allow() -> None:
    assert "allow" not in Policy().to_json()


def test_what_a_policy_leaves_out_has_its_default_and_what_it_adds_is_passed_over() -> None:
    assert Policy.from_json('{"number": 2, "of a later version": []}') == Policy(number=2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[]", id="no object"),
        pytest.param("{", id="no JSON"),
        pytest.param('{"number": "7"}', id="a number that is text"),
        pytest.param('{"max_bytes": -1}', id="a number below 0"),
        pytest.param('{"caching": 1}', id="a truth that is a number"),
        pytest.param('{"aging_seconds": NaN}', id="a number that is none"),
        pytest.param('{"order": "Lifo"}', id="an order that is none"),
        pytest.param('{"allow": []}', id="prefixes of no input"),
        pytest.param('{"allow": {"x": "s3://a"}}', id="prefixes that are no list"),
        pytest.param('{"allow": {"x": [1]}}', id="a prefix that is no text"),
        pytest.param('{"output_cache_mode": "On"}', id="a mode that is none"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Policy.from_json(text)


@pytest.mark.parametrize(
    ("policy", "cached"),
    [
        pytest.param(Policy(), False, id="no word yet of the accuracy"),
        pytest.param(Policy(caching=True), True, id="accurate enough"),
        pytest.param(Policy(output_cache_mode="Always"), True, id="always"),
        pytest.param(Policy(output_cache_mode="Off", caching=True), False, id="off"),
    ],
)
def test_when_outputs_are_cached(policy: Policy, cached: bool) -> None:
    assert policy.caches_outputs is cached


def test_the_key_of_an_evaluation_never_changes() -> None:
    """It names what lies in stores: another value here evaluates everything again."""
    assert Evaluation("s3://a/b").key == (
        "cb74db3efcccea2bb66e33746a09b1e5cfa34705a1dd1283ad1a4fef9115f716"
    )
    full = Evaluation("s3://a/b", "TopK", "scores", 3, "1")
    assert full.key == "19e882dad3a8b3b645c0d1f3b53c3a5b749fdc2e950131996530ccbe9ed54846"
    assert len({replace(full, **{name: ""}).key for name in asdict(full)}) == len(asdict(full))
