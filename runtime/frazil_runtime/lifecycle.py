"""Which model this process serves, and where in its life the process is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum

from frazil_runtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of this process.

    ``version`` is TensorFlow Serving's (a decimal number as text), ``revision`` what every answer
    names in X-Frazil-Revision. ``manifest`` is what clients see: an image input takes strings.
    """

    name: str
    version: str
    revision: str
    manifest: Manifest
    artifact: str = ""


class State(Enum):
    """A process goes through these in order, and never back."""

    LOADING = "loading the model"
    WARMING = "warming up"
    READY = "ready"
    DRAINING = "draining"


class Lifecycle:
    """The process's state: written by the app, read by the transports."""

    def __init__(self) -> None:
        self.state = State.LOADING
        self._ready = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether new requests should come here: what ``/readyz`` answers."""
        return self.state is State.READY

    @property
    def draining(self) -> bool:
        """Whether requests are still answered, but each with the connection's end."""
        return self.state is State.DRAINING

    def enter(self, state: State) -> None:
        """Go to ``state`` and wake those who wait for it."""
        self.state = state
        self._left.set()
        self._left = asyncio.Event()
        if state is State.READY:
            self._ready.set()

    async def wait_ready(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the first readiness; whether the process is ready now."""
        try:
            await asyncio.wait_for(self._ready.wait(), seconds)
        except TimeoutError:
            return False
        return self.ready

    async def left(self, state: State) -> None:
        """Wait as long as the process is in ``state``."""
        while self.state is state:
            await self._left.wait()
