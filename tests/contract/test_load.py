"""What a pod says of its load, and how far it is believed."""

from __future__ import annotations

import json
import re

import pytest

from frazil_runtime.contract.load import Load

LOAD = Load(
    *(3, 1, 0.4, 0.8, 1.5, 0.75, 0.25),
    slots=2,
    capacity=1.25,
    requests=2**40,
    hits=7,
    feedback=3,
    policy=1_795_000_000,
    requests_per_second=12.5,
    hits_per_second=2.5,
    latency_p99=0.125,
    variance_short=0.04,
)


def test_what_is_written_is_read() -> None:
    assert Load.from_json(LOAD.to_json()) == LOAD


@pytest.mark.parametrize(
    ("text", "load"),
    [
        pytest.param("{}", Load(), id="nothing is said: nothing is to do"),
        pytest.param('{"queued": 2, "mood": "fine"}', Load(queued=2), id="what is not known"),
        pytest.param('{"capacity": 2}', Load(capacity=2.0), id="a whole number of seconds"),
    ],
)
def test_another_version_is_understood(text: str, load: Load) -> None:
    assert Load.from_json(text) == load


LIES: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "Expecting property name"),
    "no object": ("[1]", "not an object"),
    "too deep": ("[" * 100_000, "too deep"),
    "a negative figure": ('{"queued": -1}', "queued must be a int from 0"),
    "no number": ('{"demand_short": NaN}', "demand_short must be a float from 0 to 1e+06, not nan"),
    "without an end": ('{"demand_long": Infinity}', "not inf"),
    "10⁹ requests in line": ('{"queued": 1000000000}', "not 1000000000"),
    "10⁹ pods' work": ('{"demand_short": 1e9}', "not 1000000000.0"),
    "a very long number": (json.dumps({"queued": 10**400}), "queued must be"),
    "a very long number for a short one": (json.dumps({"capacity": 10**400}), "capacity must be"),
    "a text": ('{"wait_seconds": "secret"}', "not str"),
    "a truth": ('{"slots": true}', "not True"),
    "half a request": ('{"running": 1.5}', "not 1.5"),
}


@pytest.mark.parametrize(("text", "error"), LIES.values(), ids=LIES)
def test_a_lie_is_no_load(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)) as raised:
        Load.from_json(text)
    assert len(str(raised.value)) < 200
