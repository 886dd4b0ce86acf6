"""What counts as equal, as batchable and as deterministic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import verify
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Signature, Tensor

pytestmark = pytest.mark.tensorflow

NAN, INF = float("nan"), float("inf")


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("expected", "actual", "says"),
    [
        pytest.param(floats(1, 2), floats(1, 2), None, id="equal"),
        pytest.param(floats(1, 2), floats(1.00005, 2), None, id="within the tolerance"),
        pytest.param(floats(1000), floats(1000.05), None, id="within it relative to the value"),
        pytest.param(floats(1, 2), floats(1, 2.01), "up to 0.01", id="beyond the tolerance"),
        pytest.param(floats(NAN, 1), floats(NAN, 1), None, id="NaN equals NaN"),
        pytest.param(floats(NAN, 1), floats(0, 1), "differ", id="NaN equals nothing else"),
        pytest.param(floats(INF), floats(INF), None, id="infinity equals infinity"),
        pytest.param(floats(INF), floats(-INF), "differ", id="of the same sign"),
        pytest.param(floats(1), floats(1, 1), "shape (2,) instead of (1,)", id="another shape"),
        pytest.param(floats(1), np.ones(1), "dtype float64 instead of float32", id="another dtype"),
        pytest.param(floats(), floats(), None, id="nothing equals nothing"),
        pytest.param(np.arange(3), np.arange(3), None, id="equal integers"),
        pytest.param(np.arange(3), np.array([0, 1, 3]), "1 of 3 values", id="another integer"),
        pytest.param(
            np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), "1 of 2", id="a text"
        ),
        pytest.param(
            np.array([1], ml_dtypes.bfloat16),
            np.array([1.0078125], ml_dtypes.bfloat16),
            None,
            id="bfloat16 within its precision",
        ),
        pytest.param(
            np.array([1], ml_dtypes.bfloat16),
            np.array([1.1], ml_dtypes.bfloat16),
            "differ",
            id="bfloat16 beyond its precision",
        ),
        pytest.param(
            np.array([1 + 1j]), np.array([1 + 1.1j]), "up to 0.1", id="the imaginary part"
        ),
    ],
)
def test_difference(expected: Any, actual: Any, says: str | None) -> None:
    found = verify.difference(expected, actual, 1e-4)
    assert (found is None) == (says is None), found
    assert (says or "") in (found or "")


def test_without_tolerance_every_bit_counts() -> None:
    assert verify.difference(floats(1), np.nextafter(floats(1), floats(2)), 0)


X = Tensor("x", "x:0", "float32", (-1, 2))
SIGNATURE = Signature(inputs=(X,), outputs=(Tensor("y", "y:0", "float32", (-1, 2)),))
SAMPLE = {"x": floats(1, 2, 3, 4, 5, 6).reshape(3, 2)}


def _answers(call: verify.Call) -> list[verify.Answer]:
    return verify.answers("serving_default", call, [SAMPLE])


@pytest.mark.parametrize(
    ("function", "batchable"),
    [
        pytest.param(lambda x: x * 2, True, id="row by row"),
        pytest.param(lambda x: x - x.mean(), False, id="a mean over rows"),
        pytest.param(lambda x: np.cumsum(x, 0), False, id="a sum over the rows before"),
        pytest.param(lambda x: x if x.sum() > 0 else -x, False, id="a condition on all rows"),
        pytest.param(lambda x: x.sum(0, keepdims=True), False, id="one row out of all"),
        pytest.param(lambda x: x[x[:, 0] > 2], False, id="rows left out"),
    ],
)
def test_batchable(function: Callable[[Any], Any], batchable: bool) -> None:
    def call(inputs: Any) -> dict[str, Any]:
        return {"y": function(inputs["x"])}

    assert verify.batchable(SIGNATURE, call, _answers(call), 1e-4) is batchable


@pytest.mark.parametrize(
    ("inputs", "outputs", "free"),
    [
        pytest.param([(-1, 2)], [(-1,)], True, id="a free leading dimension everywhere"),
        pytest.param([(-1, 2)], [None], True, id="an output of unknown rank"),
        pytest.param([(4, 2)], [(-1,)], False, id="a fixed number of rows"),
        pytest.param([(-1,), ()], [(-1,)], False, id="a scalar beside the rows"),
        pytest.param([None], [(-1,)], False, id="an input of unknown rank"),
        pytest.param([(-1, 2)], [()], False, id="a scalar output"),
        pytest.param([], [(-1,)], False, id="no inputs"),
    ],
)
def test_who_is_asked_whether_it_is_batchable(inputs: Any, outputs: Any, free: bool) -> None:
    signature = Signature(
        inputs=tuple(Tensor("x", "x:0", "float32", shape) for shape in inputs),
        outputs=tuple(Tensor("y", "y:0", "float32", shape) for shape in outputs),
    )
    assert verify.leads_free(signature) is free


def test_an_answer_that_changes_is_not_deterministic_and_proves_only_its_form() -> None:
    random = np.random.default_rng(0)

    def call(inputs: Any) -> dict[str, Any]:
        return {"y": inputs["x"], "noise": random.random(3)}

    expected = _answers(call)
    assert expected[0].stable == {"y"}
    assert not verify.deterministic(call, expected)
    assert verify.disagreement(call, expected, 1e-4) is None

    def longer(inputs: Any) -> dict[str, Any]:
        return {"y": inputs["x"], "noise": random.random(4)}

    assert "'noise': shape (4,)" in str(verify.disagreement(longer, expected, 1e-4))


def test_an_error_is_a_disagreement() -> None:
    expected = _answers(lambda inputs: {"y": inputs["x"]})

    def failing(_: Any) -> dict[str, Any]:
        raise ValueError("no kernel")

    assert verify.disagreement(failing, expected, 1e-4) == "sample 0: no kernel"


def test_a_proof_in_which_every_sample_errs_is_no_proof() -> None:
    def failing(_: Any) -> dict[str, Any]:
        raise ValueError("rows must be sorted")

    with pytest.raises(FreezeError, match="rows must be sorted") as caught:
        _answers(failing)
    assert caught.value.exit is Exit.PROOF_FAILED
