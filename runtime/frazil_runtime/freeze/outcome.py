"""How a freeze ends when it does not succeed: an exit code, and words for whoever must act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.transfer import STORE_ERRORS, Failure, explain, failure


class UnavailableError(Exception):
    """Something outside is out of order; the same freeze may work the next time."""


def failed(error: Exception) -> tuple[Exit, FreezeResult]:
    """The exit code for an error, and what the termination message says of it."""
    if isinstance(error, FreezeError):
        return error.exit, FreezeResult(reason=error.exit.reason, message=str(error))
    text = str(error) if isinstance(error, UnavailableError) else f"{type(error).__name__}: {error}"
    return Exit.RETRY, FreezeResult(reason=Exit.RETRY.reason, message=text)


@contextmanager
def source_failures(uri: str, field: str) -> Iterator[None]:
    """Turn what the source's store raises into an error that says what to do about ``field``."""
    try:
        yield
    except STORE_ERRORS as error:
        kind, why = failure(error), explain(error)
        if kind is Failure.NOT_FOUND:
            raise FreezeError(
                Exit.SOURCE_NOT_FOUND, f"{uri}: nothing there ({why}). Check {field}"
            ) from error
        if kind is Failure.FORBIDDEN:
            raise FreezeError(
                Exit.SOURCE_FORBIDDEN,
                f"{uri}: access denied ({why}). The credentials must allow to list and to read it: "
                "in the cluster those of spec.checkpoint.secretName, on the command line the "
                "provider's environment variables",
            ) from error
        if kind is Failure.REFUSED:
            raise FreezeError(
                Exit.INVALID_REQUEST,
                f"{uri}: the server refused the request ({why}). Check {field}, and the region "
                "and endpoint among its credentials",
            ) from error
        if kind is Failure.UNREADABLE:
            raise FreezeError(
                Exit.INVALID_REQUEST,
                f"{uri}: {kind.value} ({why}). Mend that there, or name another place in {field}",
            ) from error
        raise UnavailableError(f"{uri}: out of reach ({why})") from error


@contextmanager
def output_failures(url: str) -> Iterator[None]:
    """Turn what the store of `--output` raises into an error that says what to do about it."""
    try:
        yield
    except STORE_ERRORS as error:
        kind = failure(error)
        why = f"--output {url}: {kind.value} ({explain(error)})"
        if kind is Failure.UNAVAILABLE:
            raise UnavailableError(why) from error
        raise FreezeError(
            Exit.INVALID_REQUEST, f"{why}. Check the URL and the credentials beside it"
        ) from error


@contextmanager
def store_failures() -> Iterator[None]:
    """Turn what Frazil's own store raises into UnavailableError: no user caused it."""
    try:
        yield
    except STORE_ERRORS as error:
        raise UnavailableError(
            f"Frazil's store: {failure(error).value} ({explain(error)}). "
            "Whoever runs the platform looks after it: see FRAZIL_STORE_*"
        ) from error
