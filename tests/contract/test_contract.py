"""What crosses from the runtime to the operator: results and exit codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.contract import TERMINATION_LIMIT, USER_ERRORS, Exit, FreezeResult

DONE = FreezeResult(
    artifact="sha256-" + "0" * 64,
    checkpoint="sha256:" + "1" * 64,
    checkpoint_bytes=2**40,
    artifact_bytes=2**40,
    reused=True,
)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(DONE, id="success"),
        pytest.param(
            FreezeResult(reason="TensorNotFound", message='no tensor "y·"\nnearest: y:0'),
            id="failure",
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
    ],
)
def test_what_is_no_result_is_none(text: str) -> None:
    assert FreezeResult.from_json(text) is None


def test_a_newer_runtimes_fields_are_passed_over() -> None:
    assert FreezeResult.from_json('{"artifact": "sha256-00", "news": 1}') == FreezeResult(
        artifact="sha256-00"
    )


def test_exit_codes_are_known_by_their_reasons() -> None:
    assert Exit.SOURCE_NOT_FOUND.reason == "SourceNotFound"
    assert Exit.OK not in USER_ERRORS
    assert Exit.RETRY not in USER_ERRORS
    # podFailurePolicy lists these: they must be codes that no shell or signal produces.
    assert all(10 <= code < 126 for code in USER_ERRORS)
