"""One run that several wait for, and none of them alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.flights import Flight, Waiter
from frazil_runtime.jobs import Result

RESULT = [np.zeros(1)]
ERROR = InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=2.0)


class Passenger(Waiter):
    """Keeps what it is given, and does what the test says with it."""

    def __init__(self, does: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.given: list[Result] = []
        self._does = does

    def take(self, result: Result) -> None:
        self.given.append(result)
        self._does()


def test_who_cannot_take_a_result_cannot_wait_for_one() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Waiter()  # type: ignore[abstract]


class Airport:
    """A flight and its owner: what it landed with, and how often it was given up."""

    def __init__(self) -> None:
        self.given_up_flights: list[Flight] = []
        self.results: list[Result] = []
        self.flight = Flight(self, None, 0)

    def landed(self, flight: Flight, result: Result) -> None:
        assert flight is self.flight
        self.results.append(result)

    def given_up(self, flight: Flight) -> None:
        self.given_up_flights.append(flight)

    def join(self, *waiters: Passenger, seconds: float | None = None) -> None:
        for waiter in waiters:
            self.flight.join(waiter, seconds)


@pytest.fixture
def airport() -> Airport:
    return Airport()


def test_all_that_wait_get_the_result_once(airport: Airport) -> None:
    waiters = [Passenger(), Passenger()]
    airport.join(*waiters)
    airport.flight.land(RESULT)
    for waiter in waiters:
        waiter.leave()
    assert [waiter.given for waiter in waiters] == [[RESULT], [RESULT]]
    assert (airport.results, airport.given_up_flights) == ([RESULT], [])


def test_each_gets_an_error_of_its_own(airport: Airport) -> None:
    waiters = [Passenger(), Passenger()]
    airport.join(*waiters)
    airport.flight.land(ERROR)
    (a,), (b,) = (waiter.given for waiter in waiters)
    assert a is not b
    assert (a.code, str(a), a.retry_after) == (ERROR.code, "full", 2.0)


def test_who_has_left_gets_nothing(airport: Airport) -> None:
    left, stays = Passenger(), Passenger()
    airport.join(left, stays)
    left.leave()
    left.leave()
    airport.flight.land(RESULT)
    assert (left.given, stays.given, airport.given_up_flights) == ([], [RESULT], [])


def test_when_the_last_has_left_it_is_given_up_once(airport: Airport) -> None:
    waiters = [Passenger(), Passenger()]
    airport.join(*waiters)
    for waiter in waiters * 2:
        waiter.leave()
    assert airport.given_up_flights == [airport.flight]


def test_what_was_refused_at_once_is_told_at_once(airport: Airport) -> None:
    waiter = Passenger()
    airport.flight.land(ERROR)
    airport.join(waiter, seconds=5.0)
    assert [str(error) for error in waiter.given] == ["full"]


def test_who_stumbles_over_its_result_harms_nobody(
    airport: Airport, caplog: pytest.LogCaptureFixture
) -> None:
    before, stumbles, after = Passenger(), Passenger(lambda: 1 // 0), Passenger()
    airport.join(before, stumbles, after)
    airport.flight.land(RESULT)
    assert (before.given, after.given) == ([RESULT], [RESULT])
    assert caplog.text.count("a result could not be given") == 1


def test_who_makes_another_leave_when_the_result_comes_harms_nobody(
    airport: Airport, caplog: pytest.LogCaptureFixture
) -> None:
    other, last = Passenger(), Passenger()
    airport.join(Passenger(other.leave), other, last)
    airport.flight.land(RESULT)
    assert last.given == [RESULT]
    assert (airport.given_up_flights, caplog.text) == ([], "")


async def test_whose_time_is_over_is_told_and_the_others_wait_on(airport: Airport) -> None:
    over = asyncio.Event()
    hasty, patient = Passenger(over.set), Passenger()
    airport.join(hasty, seconds=0.001)
    airport.join(patient, seconds=60.0)
    await over.wait()
    airport.flight.land(RESULT)
    (error,) = hasty.given
    assert (error.code, patient.given) == (Code.DEADLINE_EXCEEDED, [RESULT])
    assert airport.given_up_flights == []


async def test_when_nobodys_time_is_left_it_is_given_up(airport: Airport) -> None:
    over = asyncio.Event()
    airport.join(Passenger(over.set), seconds=0.001)
    await over.wait()
    assert airport.given_up_flights == [airport.flight]
