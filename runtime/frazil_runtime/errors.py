"""What can go wrong with one request, in the words that every protocol maps to its own."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """What a prediction can end with: gRPC's canonical codes, and those that only HTTP has.

    ``number`` is gRPC's (0 where it has none), ``status`` the HTTP status that TensorFlow Serving
    answers with.
    """

    CANCELLED = 1, 499
    UNKNOWN = 2, 500
    INVALID_ARGUMENT = 3, 400
    DEADLINE_EXCEEDED = 4, 504
    NOT_FOUND = 5, 404
    ALREADY_EXISTS = 6, 409
    PERMISSION_DENIED = 7, 403
    RESOURCE_EXHAUSTED = 8, 429
    FAILED_PRECONDITION = 9, 400
    ABORTED = 10, 409
    OUT_OF_RANGE = 11, 400
    UNIMPLEMENTED = 12, 501
    INTERNAL = 13, 500
    UNAVAILABLE = 14, 503
    DATA_LOSS = 15, 500
    UNAUTHENTICATED = 16, 401
    REQUEST_TIMEOUT = 0, 408
    PAYLOAD_TOO_LARGE = 0, 413
    UNSUPPORTED_ENCODING = 0, 415

    def __init__(self, number: int, status: int) -> None:
        self.number = number
        self.status = status


class InferenceError(Exception):
    """A request that is answered with an error; the message goes to the client.

    ``retry_after`` is in how many seconds another try may fare better; None where none will.
    """

    def __init__(self, code: Code, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


def invalid(message: str) -> InferenceError:
    """The client's mistake, to be raised."""
    return InferenceError(Code.INVALID_ARGUMENT, message)


class ArtifactError(Exception):
    """An artifact that cannot be served; the message becomes the pod's last line."""


class ArtifactUnavailableError(ArtifactError):
    """An artifact that cannot be had now: the store or the disk is at fault, not the model."""
