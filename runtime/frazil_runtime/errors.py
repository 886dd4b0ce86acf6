"""What can go wrong with one request, in the words that every protocol maps to its own."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """gRPC's canonical codes that a prediction can end with, each with its HTTP status."""

    INVALID_ARGUMENT = 400
    NOT_FOUND = 404
    REQUEST_TIMEOUT = 408
    PAYLOAD_TOO_LARGE = 413
    UNSUPPORTED_ENCODING = 415
    RESOURCE_EXHAUSTED = 429
    CANCELLED = 499
    INTERNAL = 500
    UNIMPLEMENTED = 501
    UNAVAILABLE = 503
    DEADLINE_EXCEEDED = 504


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
