"""What the body of one HTTP request may cost."""

from __future__ import annotations

from dataclasses import dataclass

from frazil_runtime.errors import Code, InferenceError


@dataclass(frozen=True, slots=True)
class Limits:
    """A body may have so many ``bytes``.

    It must come whole within ``seconds``, and ``1 / bytes_per_second`` more for each byte that has
    come, without a pause of ``seconds``: a slow network gets its time, and one byte now and then
    does not. What follows a refusal is thrown away for ``linger_seconds``.
    """

    bytes: int = 64 * 1024 * 1024
    seconds: float = 30.0
    bytes_per_second: float = 4096.0
    linger_seconds: float = 5.0

    def patience(self, passed: float, size: int) -> float:
        """Seconds from its beginning until a body is given up of which ``size`` bytes have come in
        ``passed`` seconds."""
        return self.seconds + min(passed, size / self.bytes_per_second)


def too_large(limit: int) -> InferenceError:
    """The refusal of a body, to be raised."""
    return InferenceError(
        Code.PAYLOAD_TOO_LARGE,
        f"the request's body is larger than {limit} bytes: send fewer rows at a time",
    )


def too_slow(size: int) -> InferenceError:
    """The refusal of a body of which ``size`` bytes have come in its time."""
    return InferenceError(Code.REQUEST_TIMEOUT, f"the request's body came too slowly: {size} bytes")
