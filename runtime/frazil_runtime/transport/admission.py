"""Whether a request may come in at all: asked on its headers, before its body costs anything."""

from __future__ import annotations

from typing import Protocol


class Admission(Protocol):
    """Keeps account of the requests that are on their way."""

    def admit(self, model: str, content_length: int | None) -> int:
        """Keep room for a request with a body of ``content_length`` bytes; how many bytes that is.

        None: nobody knows how long it will be, since it comes in chunks. Where there is no room,
        RESOURCE_EXHAUSTED with its ``retry_after``, and the body is never asked for.
        """

    def grow(self, held: int, size: int) -> int:
        """Keep room for ``size`` bytes where ``held`` were kept, if that is more; how many then.

        RESOURCE_EXHAUSTED where there is none, and what was held still is.
        """

    def arrived(self) -> None:
        """A request that was admitted has come whole, or will not come."""

    def release(self, held: int) -> None:
        """The request has its answer, or wants none any more."""


class AdmitAll:
    """Admits everything."""

    def admit(self, model: str, content_length: int | None) -> int:
        """Always room."""
        return 0

    def grow(self, held: int, size: int) -> int:
        """Always more."""
        return 0

    def arrived(self) -> None:
        """Nobody counts."""

    def release(self, held: int) -> None:
        """Nothing is kept."""
