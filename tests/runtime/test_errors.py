"""Codes and their statuses: gRPC's numbers, and what TensorFlow Serving answers over HTTP."""

from __future__ import annotations

import pytest

from frazil_runtime.blame import told
from frazil_runtime.capi.library import TensorFlowError

SERVED: dict[str, tuple[int, int]] = {
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}


@pytest.mark.parametrize("name", SERVED)
def test_a_models_own_error_has_the_status_that_tensorflow_serving_gives_it(name: str) -> None:
    number, status = SERVED[name]
    code = told(TensorFlowError(number, "bad")).code
    assert (code.name, code.status) == (name, status)


def test_a_code_that_is_none_is_an_internal_error() -> None:
    assert told(TensorFlowError(20, "bad")).code.name == "INTERNAL"
    assert told(TensorFlowError(0, "bad")).code.name == "INTERNAL"
