"""Runs that do not end: they are ended, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.convert import convert
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.runner import Runner

pytestmark = pytest.mark.tensorflow

X = tf.TensorSpec([None], tf.float32, "x")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds are for ever."""
    monkeypatch.setattr(Runner, "seconds", 2)


def _counts_up(directory: Path, least: float) -> Path:
    """Rows at or above ``least`` count up to 100; those below never get there."""

    def function(x: Any, w: Any) -> Any:
        step = lambda v: (v + w * tf.cast(v >= least, tf.float32),)  # noqa: E731
        return {"y": tf.while_loop(lambda v: tf.reduce_any(v < 100.0), step, [x])[0]}

    return models.module(directory, function, X, w=np.float32(1))


def test_a_loop_that_ends_on_no_sample_is_named_by_its_outputs(tmp_path: Path) -> None:
    source = _counts_up(tmp_path, least=10)
    with pytest.raises(FreezeError) as caught:
        convert(source, FreezeRequest("model"), tmp_path / "artifact", lambda _: None)
    assert caught.value.exit is Exit.PROOF_FAILED
    assert "the run of the outputs y did not end within 2 seconds" in str(caught.value)
    assert "a loop in the model goes on" in str(caught.value)
    assert "`checkpoint.samples`" in str(caught.value)


def test_a_row_that_nobody_gave_may_never_end(tmp_path: Path) -> None:
    """The proof turns a row's sign to see another one: this model cannot answer that."""
    source = _counts_up(tmp_path, least=0)
    request, target = FreezeRequest("model"), tmp_path / "artifact"
    manifest = convert(source, request, target, lambda _: None)
    assert manifest.signatures["serving_default"].inputs[0].minimum == (1,)


def test_an_initialisation_that_waits_is_named_by_its_operation(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        wait = tf.queue.FIFOQueue(1, [tf.float32], [[]]).dequeue(name="wait").op
        target = models.export(session, tmp_path, {"x": x}, {"y": x * 2}, main_op=wait)
    with pytest.raises(FreezeError) as caught:
        convert(target, FreezeRequest("model"), tmp_path / "artifact", lambda _: None)
    assert "the initialisation (wait) did not end within 2 seconds" in str(caught.value)
    assert "the model waits for something" in str(caught.value)
