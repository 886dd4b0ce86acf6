"""PURE. Who is to blame for a run that failed, and what becomes of those who were in it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from frazil_runtime.batcher import RowsError
from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.jobs import Run
from frazil_runtime.session import CANCELLED

# TF_Code (tsl/c/tsl_status.h) of a failed run: gRPC's numbers.
CODES: Final = {code.number: code for code in Code if code.number}
_OF_THE_INPUT: Final = (3, 11)  # one request of many may be the culprit


class Blame(Enum):
    """What a failed run tells of its members."""

    ENDLESS = "one of them keeps the model from coming to an end"
    NOBODY = "their session was closed under them"
    ONE = "one of them is bad, if they are many"
    ALL = "the model fails, whoever asks"


def blame(run: Run, error: Exception) -> Blame:
    """Read the end of a run."""
    if run.overdue:
        return Blame.ENDLESS
    code = error.code if isinstance(error, TensorFlowError) else 0
    hosted = run.hosted
    if code == CANCELLED and (hosted.suspended or run.session is not hosted.session):
        return Blame.NOBODY
    of_one = code in _OF_THE_INPUT or isinstance(error, RowsError)
    return Blame.ONE if of_one and len(run.parts) > 1 else Blame.ALL


def told(error: Exception) -> InferenceError:
    """What the client is told of the model's error, or of a bug of ours."""
    if isinstance(error, TensorFlowError):
        return InferenceError(CODES.get(error.code, Code.INTERNAL), str(error))
    if isinstance(error, RowsError):
        return InferenceError(Code.INTERNAL, f"the model cannot be run on these rows: {error}")
    if isinstance(error, MemoryError):
        return InferenceError(Code.RESOURCE_EXHAUSTED, str(error))
    return InferenceError(Code.INTERNAL, "internal error: see the log")


def kind(error: Exception) -> str:
    """What the log is told of it: one of a few, and no text, which may repeat what was sent."""
    name = type(error).__name__
    if isinstance(error, TensorFlowError):
        return f"{name} {CODES.get(error.code, Code.INTERNAL).name}"
    return name


def endless(seconds: float) -> InferenceError:
    """What the client is told whose request alone did not end."""
    return InferenceError(
        Code.DEADLINE_EXCEEDED,
        f"the model came to no end on this request: its run was ended after {seconds:.3g} s",
    )
