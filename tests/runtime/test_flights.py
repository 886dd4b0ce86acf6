"""One run that several wait for, and none of them alone."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.flights import Flight
from frazil_runtime.jobs import Result

RESULT = [np.zeros(1)]
ERROR = InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=2.0)


class Airport:
    """A flight, who got what of it, and how often it was given up."""

    def __init__(self) -> None:
        self.given_up = 0
        self.given: dict[str, list[Result]] = {}
        self.flight = Flight(self._give_up)

    def done(self, name: str) -> object:
        return self.given.setdefault(name, []).append

    def _give_up(self) -> None:
        self.given_up += 1


@pytest.fixture
def airport() -> Airport:
    return Airport()


def test_all_that_wait_get_the_result_once(airport: Airport) -> None:
    leaves = [airport.flight.join(None, airport.done(name)) for name in "ab"]
    airport.flight.land(RESULT)
    for leave in leaves:
        leave()
    assert airport.given == {"a": [RESULT], "b": [RESULT]}
    assert airport.given_up == 0


def test_each_gets_an_error_of_its_own(airport: Airport) -> None:
    for name in "ab":
        airport.flight.join(None, airport.done(name))
    airport.flight.land(ERROR)
    (a,), (b,) = airport.given.values()
    assert a is not b
    assert (a.code, str(a), a.retry_after) == (ERROR.code, "full", 2.0)


def test_who_has_left_gets_nothing(airport: Airport) -> None:
    leave = airport.flight.join(None, airport.done("a"))
    airport.flight.join(None, airport.done("b"))
    leave()
    leave()
    airport.flight.land(RESULT)
    assert airport.given == {"a": [], "b": [RESULT]}
    assert airport.given_up == 0


def test_when_the_last_has_left_it_is_given_up_once(airport: Airport) -> None:
    leaves = [airport.flight.join(None, airport.done(name)) for name in "ab"]
    for leave in leaves * 2:
        leave()
    assert airport.given_up == 1


def test_what_was_refused_at_once_is_told_at_once(airport: Airport) -> None:
    airport.flight.land(ERROR)
    airport.flight.join(5.0, airport.done("a"))
    assert [str(error) for error in airport.given["a"]] == ["full"]


def test_who_stumbles_over_its_result_harms_nobody(
    airport: Airport, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(_: Result) -> None:
        raise ZeroDivisionError

    for name in "abc":
        airport.flight.join(None, airport.done(name))
        airport.flight.join(None, stumble)
    airport.flight.land(RESULT)
    assert airport.given == {name: [RESULT] for name in "abc"}
    assert caplog.text.count("a result could not be given") == 3


def test_who_makes_another_leave_when_the_result_comes_spoils_nothing(airport: Airport) -> None:
    leaves = []

    def leave_all(_: Result) -> None:
        for leave in leaves:
            leave()

    leaves = [airport.flight.join(None, leave_all) for _ in range(2)]
    leaves.append(airport.flight.join(None, airport.done("a")))
    airport.flight.land(RESULT)
    assert airport.given == {"a": [RESULT]}, "it had come already"
    assert airport.given_up == 0


async def test_whose_time_is_over_is_told_and_the_others_wait_on(airport: Airport) -> None:
    over = asyncio.Event()
    airport.flight.join(0.001, lambda error: (airport.done("a")(error), over.set()))
    airport.flight.join(60.0, airport.done("b"))
    await over.wait()
    airport.flight.land(RESULT)
    (error,) = airport.given["a"]
    assert (error.code, airport.given["b"]) == (Code.DEADLINE_EXCEEDED, [RESULT])
    assert airport.given_up == 0


async def test_when_nobodys_time_is_left_it_is_given_up(airport: Airport) -> None:
    over = asyncio.Event()
    airport.flight.join(0.001, lambda _: over.set())
    await over.wait()
    assert airport.given_up == 1
