"""One run that several requests wait for: it is its own, and none of them its leader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.jobs import Result
from frazil_runtime.logs import log


class Flight:
    """A result that is on its way, and who waits for it.

    Each waiter has a time limit of its own, and may leave; when the last one has left, so does the
    flight: ``give_up`` is called. A result comes once, to all that wait then.
    """

    __slots__ = ("_give_up", "_result", "_waiting")

    def __init__(self, give_up: Callable[[], object]) -> None:
        self._give_up = give_up
        self._waiting: set[Waiter] = set()
        self._result: Result | None = None

    def join(self, seconds: float | None, done: Callable[[Result], object]) -> Callable[[], None]:
        """Call ``done`` with the outputs, or with what went wrong: perhaps that ``seconds`` are
        over. Returns what is to be called by who does not wait any more."""
        waiter = Waiter(self, done)
        if self._result is not None:  # refused as soon as it was put in line
            waiter.give(self._result)
        else:
            self._waiting.add(waiter)
            if seconds is not None:
                waiter.expire_in(seconds)
        return waiter.leave

    def land(self, result: Result) -> None:
        """Give everybody the result."""
        self._result = result
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            waiter.give(result)

    def remove(self, waiter: Waiter) -> None:
        """One less waits."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            if not self._waiting:
                self._give_up()


class Waiter:
    """Who waits for a flight."""

    __slots__ = ("_done", "_flight", "_timer")

    def __init__(self, flight: Flight, done: Callable[[Result], object]) -> None:
        self._flight = flight
        self._done = done
        self._timer: asyncio.TimerHandle | None = None

    def give(self, result: Result) -> None:
        """Here it is. Who stumbles over it does not harm those who come after."""
        if self._timer is not None:
            self._timer.cancel()
        # An error of one's own: a traceback grows with everybody who raises it.
        given = _anew(result) if isinstance(result, InferenceError) else result
        try:
            self._done(given)
        except Exception:
            log.exception("a result could not be given")

    def leave(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._flight.remove(self)

    def expire_in(self, seconds: float) -> None:
        """Wait no longer than this."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self.leave()
        text = "the request's time was over before its turn"
        self.give(InferenceError(Code.DEADLINE_EXCEEDED, text))


def _anew(error: InferenceError) -> InferenceError:
    return InferenceError(error.code, str(error), error.retry_after)
