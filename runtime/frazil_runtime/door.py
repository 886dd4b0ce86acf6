"""Who is let in: while there is room for their bytes, and time to work at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from frazil_runtime.dispatcher import Dispatcher
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.jobs import Hosted

LEAST_BYTES: Final = 4096  # that a request counts


class Door:
    """Keeps account of requests from their headers to their answers.

    ``bytes`` are those of all that are being received, wait or run, and may be ``max_bytes``, but
    for one that is alone; ``coming`` is how many have not come whole.
    """

    def __init__(self, dispatcher: Dispatcher, hosted: Mapping[str, Hosted]) -> None:
        self.max_bytes = self.bytes = self.coming = 0
        self._dispatcher, self._hosted = dispatcher, hosted

    def admit(self, model: str, size: int | None) -> int:
        """Count a request of ``size`` bytes (None: not known yet) until it is released; as how many
        bytes it counts.

        RESOURCE_EXHAUSTED at once where it would be refused anyway: there are too many bytes, or
        too much work is waiting.
        """
        size = size if size and size > LEAST_BYTES else LEAST_BYTES
        if self.bytes + size > self.max_bytes and self.bytes:
            raise self._full()
        waits = self._dispatcher.scheduler.work
        if waits and self._dispatcher.would_refuse(self._hosted[model], self.coming):
            raise self._dispatcher.refusal()
        self.bytes += size
        self.coming += 1
        return size

    def grow(self, held: int, size: int) -> int:
        """Count one that counts ``held`` bytes as ``size``, where that is more; as how many then.

        RESOURCE_EXHAUSTED where there is no room, and it still counts as before.
        """
        if size <= held:
            return held
        if self.bytes + size - held > self.max_bytes and self.bytes > held:
            raise self._full()
        self.bytes += size - held
        return size

    def arrived(self) -> None:
        """A request that was admitted has come whole, or will not: it is on its way no longer."""
        self.coming -= 1

    def release(self, held: int) -> None:
        """A request has its answer, or wants none any more: its bytes count no longer."""
        self.bytes -= held

    def _full(self) -> InferenceError:
        return InferenceError(
            Code.RESOURCE_EXHAUSTED,
            f"requests of {self.bytes} bytes are waiting, the most is {self.max_bytes}",
            retry_after=self._dispatcher.refusal().retry_after,
        )
