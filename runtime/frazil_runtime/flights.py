"""One run that several requests wait for: it is its own, and none of them its leader."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Protocol

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.jobs import Job, Result
from frazil_runtime.logs import log


class Waiter(ABC):
    """Who waits for a result. It comes once: to ``take``, which a subclass has."""

    __slots__ = ("_flight", "_timer")

    def __init__(self) -> None:
        self._flight: Flight | None = None
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def take(self, result: Result) -> None:
        """The outputs, or what went wrong: perhaps that the time is over."""

    def wait(self, flight: Flight, seconds: float | None) -> None:
        """Wait for a flight, so long at most (None: for as long as it takes)."""
        self._flight = flight
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def leave(self) -> None:
        """Wait no more."""
        flight, self._flight = self._flight, None
        if self._timer is not None:
            self._timer.cancel()
        if flight is not None:
            flight.remove(self)

    def give(self, result: Result) -> None:
        """Here it is. Who stumbles over it does not harm those who come after."""
        self._flight = None
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(result, InferenceError):
            # An error of one's own: a traceback grows with everybody who raises it.
            result = InferenceError(result.code, str(result), result.retry_after)
        try:
            self.take(result)
        except Exception:
            log.exception("a result could not be given")

    def _expire(self) -> None:
        self.leave()
        text = "the request's time was over before its turn"
        self.give(InferenceError(Code.DEADLINE_EXCEEDED, text))


class Owner(Protocol):
    """Who sends flights."""

    def landed(self, flight: Flight, result: Result) -> None:
        """It has its result, and nobody has it yet."""

    def given_up(self, flight: Flight) -> None:
        """Nobody waits for it any more."""


class Flight:
    """The result of a job that is on its way, and who waits for it.

    ``key`` is by which others find it, ``epoch`` the output cache's when it took off.
    Each waiter has a time limit of its own, and may leave; when the last one has left, the flight
    is given up. A result comes once, to all that wait then.
    """

    __slots__ = ("_owner", "_result", "_waiting", "epoch", "job", "key")

    job: Job

    def __init__(self, owner: Owner, key: bytes | None, epoch: int) -> None:
        self.key, self.epoch = key, epoch
        self._owner = owner
        self._waiting: list[Waiter] = []
        self._result: Result | None = None

    def join(self, waiter: Waiter, seconds: float | None) -> None:
        """Give this one the result, too."""
        if self._result is not None:  # refused as soon as it was put in line
            waiter.give(self._result)
        else:
            self._waiting.append(waiter)
            waiter.wait(self, seconds)

    def remove(self, waiter: Waiter) -> None:
        """This one waits no more; while the result is being given, that changes nothing."""
        if self._result is not None:
            return
        self._waiting.remove(waiter)
        if not self._waiting:
            self._owner.given_up(self)

    def land(self, result: Result) -> None:
        """Give everybody the result."""
        self._result = result
        self._owner.landed(self, result)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.give(result)
