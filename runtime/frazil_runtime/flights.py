"""One run that several requests wait for: it is its own, and none of them its leader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.jobs import Array, Result


class Flight:
    """A result that is on its way, and who waits for it.

    Each waiter has a time limit of its own, and may leave; when the last one has left, so does the
    flight: ``give_up`` is called. A result comes once, to all that wait then.
    """

    def __init__(self, give_up: Callable[[], object]) -> None:
        self._give_up = give_up
        self._waiting: set[asyncio.Future[list[Array]]] = set()
        self._result: Result | None = None

    async def wait(self, seconds: float | None) -> list[Array]:
        """The outputs; InferenceError with what went wrong, or that ``seconds`` are over."""
        if self._result is not None:  # refused as soon as it was put in line
            return _given(self._result)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Array]] = loop.create_future()
        self._waiting.add(future)
        timer = None if seconds is None else loop.call_later(seconds, _expire, future)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            self._waiting.discard(future)
            if not self._waiting and self._result is None:
                self._give_up()

    def land(self, result: Result) -> None:
        """Give everybody the result: the outputs, or an error for each to raise."""
        self._result = result
        for future in self._waiting:
            if future.done():
                continue  # its time is over, or it was cancelled: it has not noticed yet
            if isinstance(result, InferenceError):
                future.set_exception(_anew(result))
            else:
                future.set_result(result)


def _given(result: Result) -> list[Array]:
    if isinstance(result, InferenceError):
        raise _anew(result)
    return result


def _anew(error: InferenceError) -> InferenceError:
    """An error of one's own: a traceback grows with everybody who raises it."""
    return InferenceError(error.code, str(error), error.retry_after)


def _expire(future: asyncio.Future[list[Array]]) -> None:
    if not future.done():
        future.set_exception(
            InferenceError(Code.DEADLINE_EXCEEDED, "the request's time was over before its turn")
        )
