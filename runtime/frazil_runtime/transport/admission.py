"""Whether a request may come in at all: asked on its headers, before its body costs anything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

_IN: Final = nullcontext()


class Admission(Protocol):
    """Keeps account of the bodies that are on their way."""

    def reserve(self, model: str, content_length: int | None) -> AbstractContextManager[None]:
        """Room for a body of ``content_length`` bytes until it is the engine's, or given up.

        None: nobody knows how long it will be, since it comes in chunks or compressed. Where there
        is no room, RESOURCE_EXHAUSTED with its ``retry_after``, and the body is never asked for.
        """


class AdmitAll:
    """Admits everything."""

    def reserve(self, model: str, content_length: int | None) -> AbstractContextManager[None]:
        """Always room."""
        return _IN
