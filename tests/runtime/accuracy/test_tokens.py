"""Prediction ids: what is sealed comes out again, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.accuracy.predicted import Predicted, predicted
from frazil_runtime.accuracy.tokens import (
    LONGEST,
    ForgedError,
    MalformedError,
    Sealed,
    key_for,
    seal,
    unseal,
)
from frazil_runtime.contract.accuracy import AccuracyRules, Metric

KEY = key_for(bytes(32), "digits")
PREDICTED = Predicted("B", 1, 2, b"\x07\x01")
SEALED = Sealed(b"rule", b"nonce-01", 1_700_000_000, b"asked-01", "digits-7c9f12ab34", PREDICTED)
ID = seal(KEY, SEALED).decode()


def test_what_is_sealed_comes_out_again() -> None:
    assert unseal(KEY, ID) == SEALED
    assert unseal(KEY, ID + "=" * (-len(ID) % 4)) == SEALED, "some would have it padded"


def test_an_id_is_a_word_that_fits_into_any_header_or_url() -> None:
    assert ID.replace("-", "").replace("_", "").isalnum()
    assert ID.isascii()


@pytest.mark.parametrize(
    ("rows", "metric", "most"),
    [
        pytest.param(1, Metric.ACCURACY, 140, id="one row"),
        pytest.param(256, Metric.ACCURACY, 512, id="as many rows as there may be"),
        pytest.param(256, Metric.BINARY_F1, 512, id="as many bits"),
        pytest.param(64, Metric.MEAN_ABSOLUTE_ERROR, 512, id="64 numbers"),
        pytest.param(256, Metric.TOP_K, LONGEST, id="the best five of many"),
    ],
)
def test_how_long_ids_are(rows: int, metric: Metric, most: int) -> None:
    classes = 10 if metric in (Metric.ACCURACY, Metric.TOP_K) else 1
    found = predicted(AccuracyRules(metric=metric), np.zeros((rows, classes), np.float32))
    longest = SEALED._replace(predicted=found, revision="m" * 40 + "-7c9f12ab34")
    assert len(seal(KEY, longest)) <= most


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key_for(bytes(32), "letters"), id="another model that shares the secret"),
        pytest.param(key_for(bytes(31) + b"\x01", "digits"), id="another secret"),
    ],
)
def test_what_others_have_signed_is_forged(key: bytes) -> None:
    with pytest.raises(ForgedError):
        unseal(KEY, seal(key, SEALED).decode())


def test_no_letter_can_be_changed() -> None:
    for at, letter in enumerate(ID):
        changed = ID[:at] + ("A" if letter != "A" else "B") + ID[at + 1 :]
        with pytest.raises((ForgedError, MalformedError)):
            unseal(KEY, changed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("A" * 20, id="too short"),
        pytest.param(ID[:-1] + "!", id="a letter that is none"),
        pytest.param(ID[:-1] + "é", id="a letter that is not ASCII"),
        pytest.param(" " + ID, id="a blank before it"),
        pytest.param(ID + "\n", id="a line's end behind it"),
        pytest.param("+" + ID[1:], id="the other base64"),
        pytest.param("=" + ID, id="padded before it"),
        pytest.param("_" + ID[1:], id="another version"),
        pytest.param("A" * (LONGEST + 1), id="too long"),
    ],
)
def test_what_is_no_id_is_said_to_be_none(text: str) -> None:
    with pytest.raises(MalformedError):
        unseal(KEY, text)


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises((ForgedError, MalformedError)):
        unseal(KEY, text)


@given(
    st.integers(0, 2**32 - 1),
    st.text(max_size=60),
    st.integers(1, 256),
    st.integers(0, 255),
    st.binary(max_size=2048),
)
def test_any_prediction_survives(
    time: int, revision: str, rows: int, width: int, data: bytes
) -> None:
    sealed = SEALED._replace(
        time=time, revision=revision, predicted=Predicted("H", width, rows, data)
    )
    assert unseal(KEY, seal(KEY, sealed).decode()) == sealed
